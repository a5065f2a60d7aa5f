"""`python -m experiments`: see `python -m experiments --help`.

A missing library must not end with Python's exit code 1: that is a missed criterion's.
"""

import sys

try:
    from experiments.cli import main
except ImportError as error:
    print(f"cannot be run: {error}; install the packages of requirements.txt", file=sys.stderr)
    sys.exit(2)

sys.exit(main(sys.argv[1:]))
