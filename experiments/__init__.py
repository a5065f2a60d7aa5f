"""The test bed: runs a scenario against a deployed strategy, measures it, judges it and leaves the evidence.

Nothing here is deployed and nothing here takes part in a switch. A run changes the system only by what a user has too:
the stack configuration and `pulumi up` (through the Automation API, with the repository's own program), the producer's
`/config`, and deleting a pod. What it reports rests on files beside its `result.json`: the record logs, the metrics as
queried, the broker's log, the validator's verdict.

Measurements do more, where that is what they measure: they write by hand what Pulumi writes (`by_hand`), and freeze
processes of this machine (`freezing`).

Layers, upper ones know the lower ones:

    cli, everything                                            options (from the keys' declaration), summary, retention
    fault_campaign, conformance, reporting                     commands of their own: switches under faults, an
                                                               application under attack, the report
    run, campaign, evidence                                    the order of things; of a run, of the whole plan; whether
                                                               what is committed still says what is told of it
    gathering                                                  what is kept and judged, in order, when it has ended
    session, collection                                        the system held and given back; what is kept of it
    scenarios                                                  one module each: configuration, what is done, criteria
    switching, connector_lab, zombie_lab                       switches by hand, and while an update still runs;
                                                               connectors by hand, with their agent away; a pod at work
                                                               that everybody takes for dead
    lab, disturbance, logs, screenshots                        what may be done to the system; what it said, how it
                                                               looked
    producer, lag, clocks, pod_history, guard, stacks, groups, processes, connect, …
                                                               one neighbour, or one thing that is watched, each
    positions, recorders, probe                                where the colours are, by whoever can tell it
    cluster, kubectl, by_hand                                  the API server, commands in containers, and what is
                                                               written as a user writes it: each by this one alone
    comparison, complexity, lines                              the strategies beside each other; pure
    conclusion, criteria, measurements, accuracy, zombies, redeliveries, reconciles, broker_log, results
                                                               pure: values in, values out
    progress, console, interrupts, freezing, errors

What differs between strategies is asked of the strategy, as values (`components.strategies`): which pods there are and
what runs in them (`parts`), where positions come from, which groups there are, what cannot be judged. Nothing here
decides anything by a letter.

| thread | made by | owns |
| --- | --- | --- |
| main | `run` | the system that is held, and all that is done to it |
| lag | `lag.Lag` | connections of its own; its samples, until it is stopped |
| pods of <namespace> | `pod_history.PodWatch` | one watch, and what it saw |
| update | `disturbance.in_background` | an update, while something else is done |

A room that has threads of its own says so itself: `screenshots`, `conformance`, `fault_campaign`.
"""
