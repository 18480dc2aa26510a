"""The command line: it parses arguments, calls :mod:`offdiag.api` and prints; it has no logic of its own."""

from collections.abc import Sequence

from offdiag.runtime import without_collection

__all__ = ["main"]


def main(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 a mistake in what was typed, 130 interrupted."""
    with without_collection():
        from offdiag.cli.app import run
    run(words)
