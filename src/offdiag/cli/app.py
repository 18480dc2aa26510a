"""The application: all commands in one place, and what becomes of an error."""

import os
import sys

import click
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
for commands in (study_commands, task_commands):
    commands.add_to(app)


@app.callback(invoke_without_command=True)
def version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    """Print the version, if that is all that was asked."""
    if version:
        from offdiag import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 a mistake in what was typed, 130 interrupted."""
    sys.exit(_code())


def _code() -> int:
    try:
        result = app(standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except OffdiagError as error:
        return _complain(str(error), error.exit_code)
    except click.ClickException as error:
        usage = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "offdiag"
        return _complain(f"{error.format_message()} Type `{usage} --help`.", error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted; everything that was finished is kept: type the same command again", INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _complain(message: str, code: int) -> int:
    print(f"offdiag: {message}", file=sys.stderr)
    return code
