"""A campaign of faults: switches in a loop while what is around them breaks, each judged before the next begins.

`catalogue` is the list of faults that this and the protocol model share; `plan` makes a sequence of them from a seed,
and of what has hit so far. `stage` brings up a pair of the campaign's own, `calibration` asks the validator whether it
sees what it has to, `carry` takes one planned switch through, with what `injection` and its rooms do to it, `witness`
and `tail` look on, `judge` compares what they saw with the invariants (design §6), `alarms` looks at what was alerted,
`journal` keeps it, and `shrink` makes a sequence that failed as short as it gets.

| thread | runs | owns |
| --- | --- | --- |
| main | `campaign`, `carry`, `judge` | all that is carried out and judged |
| watch <what> | `witness`, one for each watch | one watch; what it saw is behind the witness's lock |
| update | `experiments.disturbance.in_background` | an update, while faults are injected |
"""
