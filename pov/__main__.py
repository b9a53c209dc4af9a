"""`python -m pov`."""

from __future__ import annotations

import sys

from pov.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
