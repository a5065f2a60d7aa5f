"""``python -m tools.sandbox``."""

import sys

from tools.sandbox.cli import main

sys.exit(main())
