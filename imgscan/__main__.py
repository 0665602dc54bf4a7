"""`python -m imgscan`."""

import sys

from imgscan.cli import main

if __name__ == "__main__":
    sys.exit(main())
