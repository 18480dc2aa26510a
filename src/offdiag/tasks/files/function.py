"""A grader that a person wrote: a function of a Python file, and the hash of its code."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, isclass, iscoroutinefunction, signature
from pathlib import Path
from typing import Any, Self

from offdiag.errors import UserError, did_you_mean
from offdiag.places import at_home
from offdiag.python_files import culprit, load_file
from offdiag.tasks.code import Code, code_of_function
from offdiag.tasks.data import DataPlace, data_dir
from offdiag.tasks.task import Example, Grade

_HAS = "a function such as grade(completion, target)"


@dataclass(frozen=True)
class GraderFunction:
    """A function that grades.

    Attributes:
        name: as typed, ``my_file.py:grade``. call: the function. arguments: how many it takes, 2 or 3.
        code: hash and files of its code and of all that it uses beside it.
    """

    name: str
    call: Callable[..., object]
    arguments: int
    code: Code

    @classmethod
    def load(cls, path: str, function: str) -> Self:
        """Load the function of a file.

        Raises:
            UserError: the file is not there or cannot be run, or has no such function.
        """
        module = load_file(_file(path), "grader file", _HAS)
        own = {name: value for name, value in vars(module).items() if callable(value) and not name.startswith("_")}
        if function not in own:
            near = did_you_mean(function, own)
            raise UserError(f"grader {path}:{function}: {path} has no function {function!r}; {near}expected {_HAS}")
        takes = [p for p in signature(own[function]).parameters.values() if p.default is Parameter.empty]
        given = len([p for p in takes if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)])
        if len(takes) not in (2, 3) or given < len(takes):
            raise UserError(f"grader {path}:{function} takes {signature(own[function])}: expected (completion, "
                            "target), or (completion, target, example)")  # fmt: skip
        if iscoroutinefunction(own[function]) or isclass(own[function]):
            raise UserError(f"grader {path}:{function} is a class or an async function: expected {_HAS}")
        return cls(f"{path}:{function}", own[function], given, code_of_function(module.__name__, function))

    def grade(self, example: Example, completion: str) -> Grade:
        """Grade a completion; where the function raises, the answer is ungraded, with the error as a flag."""
        given: tuple[Any, ...] = (completion, example.target, example)[: self.arguments]
        try:
            found = self.call(*given)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a person's function raises)
            return _ungraded(culprit(error) or f"{self.name}: {type(error).__name__}: {error}")
        if isinstance(found, Grade):
            return found
        plain: object = found.item() if hasattr(found, "item") else found  # a truth value of NumPy
        if plain is None:
            return Grade(parsed=None, status="unparsed", correct=False)
        if not isinstance(plain, bool):
            return _ungraded(f"{self.name} returned {plain!r:.40}: expected True, False, a Grade, "
                             "or None where there is no answer")  # fmt: skip
        parsed = example.target if plain else " ".join(completion.split())[:80]
        return Grade(parsed=parsed, status="parsed", correct=plain)


def _ungraded(why: str) -> Grade:
    return Grade(parsed=None, status="ungraded", correct=False, flags=(" ".join(why.split()),))


def _file(path: str) -> Path:
    """Return the file: below the folder of the data where it is there, or else from here."""
    folder = DataPlace.of(data_dir()).folder
    below = at_home(path) if folder is None else folder / path
    return below if below.is_file() else at_home(path)
