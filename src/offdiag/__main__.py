"""``python -m offdiag``."""

from offdiag.cli import main

if __name__ == "__main__":
    main()
