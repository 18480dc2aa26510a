"""The errors that reach a person: one line that says what, where, what was expected and what to type next."""

from pydantic import ValidationError


class OffdiagError(Exception):
    """A failure that offdiag explains itself; the command line prints it without a traceback and exits with 1."""

    exit_code = 1


class UserError(OffdiagError):
    """A mistake in what the user typed or wrote; the command line exits with 2.

    Write the message as one line: what was found, where, what was expected, what to type next.
    """

    exit_code = 2


class StoreError(OffdiagError):
    """The store cannot be read or written as it stands; the message names the path and the remedy."""


def complaints(error: ValidationError) -> str:
    """What pydantic found, in one line, for the message of a :class:`UserError`."""
    said: list[str] = []
    for item in error.errors(include_url=False):
        name = ".".join(str(part) for part in item["loc"]) or "the parameters"
        message = item["msg"].replace("Input should be", "should be")
        said.append(f"{name} is missing" if item["type"] == "missing" else f"{name}={item['input']} {message}")
    return "; ".join(said)
