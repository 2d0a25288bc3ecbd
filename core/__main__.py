"""The command line: ``python -m core list | run | measure | resume | show | project | gallery``."""

import sys

from core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
