"""``python -m tools.validator``. A missing library must not end with Python's exit code 1: that is an anomaly's."""

import sys

try:
    from tools.validator.cli import main
except ImportError as error:
    print(f"cannot be judged: {error}; install the packages of requirements.txt", file=sys.stderr)
    sys.exit(2)

sys.exit(main())
