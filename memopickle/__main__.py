"""``python -m memopickle``: the command line."""

import sys

from memopickle.cli import main

if __name__ == "__main__":
    sys.exit(main())
