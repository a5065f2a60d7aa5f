"""Whether what the project says of itself can be made again from what is committed: `python -m experiments evidence`.

- `figures`: which figures a text has, and what each is named by; pure.
- `sources`: what a name leads to: a value of a committed result.
- `texts`: the two against each other.
- `columns`: the record logs of a run as columns, small enough to be committed.
- `again`: a run judged again from its logs, or from what else it keeps, and compared with its `result.json`.
- `seals`: that no result was edited since it was taken up.
"""
