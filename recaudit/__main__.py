"""Run the command line as ``python -m recaudit``."""

from recaudit.cli import main

if __name__ == "__main__":
    main()
