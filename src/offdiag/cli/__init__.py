"""The command line: it reads words, calls the verbs and prints; it has no logic of its own."""

from offdiag.cli.app import main

__all__ = ["main"]
