"""Whether what the project says of itself can be made again from what is committed: `python -m experiments evidence`.

- `figures`: which figures a text has, and what each is named by; pure.
- `sources`: what a name leads to: a value of a committed result.
- `texts`: the two against each other.
- `columns`: the record logs of a run as columns, small enough to be committed.
- `again`: a run judged again from its logs, or from what else it keeps, and compared with its `result.json`.
- `commits`: of which commits the runs are that a table compares;
- `sizes`: how large all of it is, and may be;
- `seals`: that no result was edited since it was taken up.
"""
