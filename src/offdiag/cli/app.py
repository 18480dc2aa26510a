"""The application: list the commands, import the one that is called, and print errors as one line."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from offdiag.errors import OffdiagError, UserError, nearest, printable, refused, reworded
from offdiag.places import at_home

INTERRUPTED = 130
# The commands, in the order of the help, each with the first line of its docstring: the file of a command
# (offdiag.cli.commands) is imported when it is called, so that the help of all waits for none.
COMMANDS = {
    "matrix": "Teach and ask your own data, each on each, and write the page.",
    "studies": "List the studies and their scales.",
    "plan": "List done, missing and stale steps, and the cost of the rest.",
    "check": "Check the tasks of a study: ids, targets, prompts, grades.",
    "run": "Run what is not done yet; always a resume.",
    "submit": "Submit workers that run a study together.",
    "cancel": "End the workers that were submitted for a study.",
    "watch": "Show a run while it runs: done, at work, failed, time left.",
    "status": "List the steps: the state of each, its folder, and why.",
    "why": "Explain why a step is stale or failed, field by field.",
    "show": "Show a prompt as the model sees it, the loss mask, and records.",
    "compare": "Compare the numbers of a study with published ones.",
    "power": "Tell what items and seeds can resolve, and what a gap needs.",
    "report": "Write tables, figures and one self-contained page.",
    "store": "List, measure, verify, clean up and merge stores.",
    "doctor": "Check this machine, the store and a model.",
    "export": "Write the files of a study that other programs read.",
    "analyse": "Analyse a table that was made elsewhere.",
    "new": "Write a template that works, with its test.",
    "data": "Print examples of a task's domain.",
    "grade": "Grade completions from standard input.",
    "push": "Upload a trained adapter or model with a card that describes it.",
}


class Commands(TyperGroup):
    """Group of the commands, which are listed without an import; the file of a command is imported on its call."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that the words name, loaded."""
        if ctx.resilient_parsing and args[0] not in COMMANDS:  # a shell completes words: say nothing
            return None, None, args
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], COMMANDS)
            hint = f": did you mean {near}?" if near else ";"
            raise UserError(f"no command {args[0]!r}{hint} type: offdiag --help")
        name, _, rest = super().resolve_command(ctx, args)
        several = getattr(import_module(f"offdiag.cli.commands.{name}"), "SEVERAL", ())
        if ctx.resilient_parsing:
            return name, command_named(str(name)), list(each_named(rest, several, begun=True))
        try:
            return name, command_named(str(name)), list(each_named(rest, several))
        except UserError as error:
            raise UserError(f"{error}; type: {ctx.command_path} {name} --help") from None


def each_named(words: Sequence[str], several: Sequence[str], *, begun: bool = False) -> Iterator[str]:
    """Yield words with the name of an option before each of its values, where it takes several: --train A B.

    A line that is ``begun`` is one that a shell completes: the value may be the next word.
    """
    option, given = "", 0
    for word in (*words, None):
        if word is None or word.startswith("-"):
            if option and not given and not begun:
                raise UserError(f"{option} has no value behind it: give one or more")
            option, given = word if word is not None and word in several else "", 0
        elif option:
            if given:
                yield option
            given += 1
        if word is not None:
            yield word


SETTINGS: dict[str, Any] = {
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}
app = typer.Typer(
    name="offdiag",
    cls=Commands,
    help="Controlled experiments on how language models generalise, as a train x eval matrix.",
    **SETTINGS | {"add_completion": True},
)


def run(words: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 something failed, 2 a mistake in what was typed, 130 interrupted."""
    try:
        code = app(words, prog_name="offdiag", standalone_mode=False)
    except typer.TyperException as error:
        code = _complain(_mistake(error), error.exit_code)
    except UserError as error:
        code = _complain(str(error), error.exit_code)
    sys.exit(code)


def _mistake(error: typer.TyperException) -> str:
    """Return what is wrong with the words of a command, and the help that there is for it."""
    context, option = getattr(error, "ctx", None), getattr(error, "option_name", "")
    near = nearest(option, getattr(error, "possibilities", None) or ())
    if hasattr(error, "possibilities"):
        said = f"no option {option}" + (f": did you mean {near}?" if near else "")
    elif "requires an argument" in error.format_message():
        said = f"{option} has no value behind it: give one"
    elif isinstance(error, typer.BadParameter) and isinstance(error.__cause__, ValueError):
        said = refused(error.format_message().split("'")[1], error.__cause__)
    else:
        said = error.format_message()
    named = "offdiag" if context is None else context.command_path
    end = "" if said.endswith("?") else ";"
    return f"{reworded(said).removesuffix('.')}{end} type: {named} --help"


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


def command_named(name: str) -> Any:
    """Load the command of that name from its file; one with verbs of its own names them in ``VERBS``."""
    module = import_module(f"offdiag.cli.commands.{name}")
    verbs: dict[str, Callable[..., int | None]] | None = getattr(module, "VERBS", None)
    loaded = typer.Typer(name=name, help=None if verbs is None else COMMANDS[name], **SETTINGS)
    for verb, function in (verbs or {name: getattr(module, name)}).items():
        loaded.command(verb)(_answering(function))
    return typer.main.get_command(loaded)


# What a system says of a path that was typed wrong; other errors, such as a full disk, are no mistake of the line.
_NO_SUCH_PLACE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.EACCES, errno.EROFS)


def _answering(command: Callable[..., int | None]) -> Callable[..., None]:
    """Wrap a command: errors become one line on standard error, the return value becomes the exit code."""

    @wraps(command)
    def answer(**words: Any) -> None:
        try:
            code = command(**{n: at_home(word) if isinstance(word, Path) else word for n, word in words.items()}) or 0
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
            code = _complain(
                f"{place}{error.strerror or error}; mend that, or give another place (--store, --to, --in)",
                2 if error.errno in _NO_SUCH_PLACE else 1,
            )
        except Exception as error:
            # an error in a person's own study is theirs to read in one line; one in offdiag keeps its traceback
            from offdiag.python_files import culprit

            if (found := culprit(error)) is None:
                raise
            code = _complain(found, 2)
        raise typer.Exit(code)

    return answer


def _complain(message: str, code: int) -> int:
    print(f"offdiag: {printable(' '.join(message.split()))}", file=sys.stderr)
    return code


def _listed() -> None:
    """Stand in for a command until it is called."""


for _name, _sentence in COMMANDS.items():
    app.command(_name, help=_sentence)(_listed)
