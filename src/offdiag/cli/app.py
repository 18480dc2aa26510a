"""The application: all commands in one place, and what becomes of an error."""

import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any

import typer

from offdiag.cli import analyse, exporting, pushing, study_commands, task_commands
from offdiag.cli.tables import printable
from offdiag.errors import OffdiagError, reworded

INTERRUPTED = 130

app = typer.Typer(
    name="offdiag",
    help="Controlled experiments on how language models generalise, as a train x eval matrix.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def run(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 a mistake in what was typed, 130 interrupted."""
    try:
        code = app(words, prog_name="offdiag", standalone_mode=False)
    except typer.TyperException as error:
        message = reworded(error.format_message()).removesuffix(".")
        code = _complain(f"{message}; type: offdiag COMMAND --help", error.exit_code)
    sys.exit(code)


@app.callback(invoke_without_command=True)
def _alone(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from offdiag import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
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
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            code = _complain(f"{place}{error.strerror or error}; free it or give another place (--store, --output)", 1)
        except Exception as error:
            # an error in a person's own study is theirs to read in one line; one in offdiag keeps its traceback
            from offdiag.catalogue import culprit

            if (found := culprit(error)) is None:
                raise
            code = _complain(found, 2)
        raise typer.Exit(code)

    return answer


def _complain(message: str, code: int) -> int:
    print(f"offdiag: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code


for _group in (study_commands, exporting, analyse, task_commands, pushing):
    for _command in _group.COMMANDS:
        app.command(_command.__name__)(_answering(_command))
