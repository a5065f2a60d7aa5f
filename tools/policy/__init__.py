"""A policy pack that refuses an update in which `active` changes together with anything else.

`pulumi preview --policy-pack tools/policy`; `together` in its configuration lets it through. `alone` is pure, `old`
reads the stack's state, and `__main__` is what Pulumi runs.
"""
