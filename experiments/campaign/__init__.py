"""Everything in the plan's order, and what the report rests on: `python -m experiments all`.

`steps.toml` says what is run, in which order; `steps` reads it and finds the result that stands for a step;
`everything` runs them, and goes on where it was interrupted.
"""
