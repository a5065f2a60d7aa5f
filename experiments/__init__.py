"""The test bed: runs a scenario against a deployed strategy, measures it, judges it and leaves the evidence.

Nothing here is deployed and nothing here takes part in a switch. A run changes the system only by what a user has too:
the stack configuration and `pulumi up` (through the Automation API, with the repository's own program), the producer's
`/config`, and deleting a pod. What it reports rests on files beside its `result.json`: the record logs, the metrics as
queried, the broker's log, the validator's verdict.

Layers, upper ones know the lower ones:

    cli
    run                                                      the order of things
    scenarios                                                what is done, one module each
    producer, lag, records, environment, metrics, stacks     one neighbour each
    cluster                                                  the only module that speaks Kubernetes
    criteria, measurements, broker_log, results              pure: values in, values out
    progress, interrupts, errors
"""
