"""The application: all commands in one place, and what becomes of an error."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from offdiag.cli import study_commands, task_commands
from offdiag.errors import OffdiagError

INTERRUPTED = 130

app = typer.Typer(
    name="offdiag",
    help="Controlled experiments on how language models generalise, as a train x eval matrix.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 a mistake in what was typed, 130 interrupted."""
    app()


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from offdiag import __version__

        typer.echo(__version__)
        raise typer.Exit


def _answering(command: Callable[..., int | None]) -> Callable[..., None]:
    """The command with its errors as one line on standard error, and its return value as the exit code."""

    @wraps(command)
    def answer(**words: Any) -> None:
        try:
            code = command(**words) or 0
            sys.stdout.flush()
        except OffdiagError as error:
            code = _complain(str(error), error.exit_code)
        except KeyboardInterrupt:
            code = _complain(
                "interrupted; everything that was finished is kept: type the same command again", INTERRUPTED
            )
        except BrokenPipeError:  # the reader, such as `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        raise typer.Exit(code)

    return answer


def _complain(message: str, code: int) -> int:
    print(f"offdiag: {message}", file=sys.stderr)
    return code


for _command in (*study_commands.COMMANDS, *task_commands.COMMANDS):
    app.command(_command.__name__)(_answering(_command))
