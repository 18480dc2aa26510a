"""A matrix as the source of a study, to be read and changed."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from offdiag.errors import UserError, some
from offdiag.matrix.data_sets import DataSet
from offdiag.matrix.learners import BATCH, ROWS, learner, pools_of
from offdiag.matrix.params import MatrixParams
from offdiag.matrix.study import by_strata, evaluations
from offdiag.methods import FineTuning, LinearProbe, Method, ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.usual_dtype import usual_dtype
from offdiag.tasks.files import FilesDomain
from offdiag.tasks.files.sources import RowSource

MOST_LINES = 60
_WIDTH = 118
_STUDY = '''
@study("{name}", scales={{"quick": Params()}})
def {function}(p: Params) -> Design:
    """What is taught, by row, and what is asked, by column.

    Accuracy on the diagonal says what was learnt; off the diagonal it says what that does to other data.
    """
    untuned = {untuned}
    arms = {arms}
    taught = [Cell(arm=arm, evaluation=e) for arm in arms for e in ASKED if e.style == arm.method.taught_style]
    return Design(cells=(*untuned, *taught), baseline={baseline}{analyses})'''
_ARMS = """[
        Arm(model=model, method=method, train=domain, seed=seed)
        for model in p.models for domain, n in TAUGHT.items() for method in methods(n) for seed in p.seeds
    ]"""
_UNTUNED = "[Cell(arm=Arm(model=m, method=ZeroShot()), evaluation=e) for m in p.models for e in ASKED]"


def source_of_study(p: MatrixParams, data: Sequence[DataSet], place: Path) -> str:
    """Return the source of a study that plans the same steps as the matrix.

    Args:
        p, data: the matrix. place: where the source will lie, to which the paths in it are relative.

    Raises:
        UserError: it has too many data sets for a file that can be read.
    """
    lines = "\n".join(_parts(p, data, place)).split("\n")
    if len(lines) > MOST_LINES:
        raise UserError(
            f"--save {place}: {some(len(data), 'data set')} and {some(len(p.methods), 'method')} make a study of "
            f"{some(len(lines), 'line')}, "
            f"more than {MOST_LINES}: give fewer, or write a study with a loop over them"
        )
    return "\n".join(lines) + "\n"


def _parts(p: MatrixParams, data: Sequence[DataSet], place: Path) -> Iterator[str]:
    taught, named = [one for one in data if one.n_train], _variables(data)
    learning = [name for name in p.methods if name != ZeroShot.method]
    methods = [learner(name, taught[0], pools_of(data), p.epochs) for name in learning if taught]
    asked = dict.fromkeys(
        e for method in methods or [ZeroShot()] for one in data if one.n_eval for e in evaluations(p, one, method)
    )
    function = re.sub(r"\W", "_", place.stem)
    if not function.isidentifier() or iskeyword(function) or function in ("methods", "study"):
        function = f"study_{function}"
    yield f'"""A matrix of own data. To run it, type: offdiag run {place.name}"""\n\nfrom pathlib import Path\n'
    yield from (["from offdiag.analyses import AccuracyByStratum"] if p.strata else [])
    yield _imports(methods)
    common = _shared([_fields(one.domain) for one in data])
    yield _call("COMMON = ", [f'"{name}": {_literal(value)}' for name, value in common.items()], brackets="{}")
    for one in data:
        own = {name: value for name, value in _fields(one.domain).items() if name not in common}
        yield _call(f"{named[one.domain]} = FilesDomain", [*_relative(own, place), "**COMMON"])
    if taught:
        yield _call("TAUGHT = ", [f"{named[one.domain]}: {one.n_train}" for one in taught], brackets="{}")
    yield "ASKED = ("
    for evaluated in asked:
        plain = {name: value for name, value in _fields(evaluated).items() if name != "domain"}
        fields = {n: v.model_dump(exclude_defaults=True) if isinstance(v, BaseModel) else v for n, v in plain.items()}
        yield _call("    Evaluation", [f"domain={named[_as(evaluated.domain)]}", *_given(fields)]) + ","
    yield ")"
    if any(isinstance(method, LinearProbe) for method in methods):
        yield from _pools(data, named)
    yield _params(p)
    if methods:
        yield from _methods(methods, p.epochs)
    compared = ZeroShot.method in p.methods
    tables = [f"AccuracyByStratum({', '.join(_given(_fields(table)))})" for table in by_strata(p.strata)]
    yield _STUDY.format(
        name=place.stem.replace("_", "-"),
        function=function,
        untuned=_UNTUNED if compared else "[]",
        arms=_ARMS if methods else "list[Arm]()",
        baseline="ZeroShot()" if compared else "None",
        analyses=", analyses=(\n" + "".join(f"        {table},\n" for table in tables) + "    )" if tables else "",
    )


def _imports(methods: Sequence[Method]) -> str:
    used = {type(method).__name__ for method in methods}
    names = sorted({*used, "ZeroShot", *({"Method"} if methods else ()), *({"Recipe"} if "FineTuning" in used else ())})
    return (
        f"from offdiag.methods import {', '.join(names)}\n"
        "from offdiag.models import ModelSpec\n"
        "from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study\n"
        "from offdiag.tasks.files import FilesDomain\n"
    )


def _params(p: MatrixParams) -> str:
    models = [f"ModelSpec({', '.join(_given({**_fields(model), **_dtype(model)}))})" for model in p.models]
    listed = (
        _call("    models: tuple[ModelSpec, ...] = ", models)
        if len(models) > 1
        else (f"    models: tuple[ModelSpec, ...] = ({models[0]},)")
    )
    return (
        "\n\nclass Params(StudyParams):\n"
        "    data_dir: str = str(Path(__file__).parent)  # where the paths of the files begin\n"
        f"{listed}\n"
        f"    seeds: tuple[int, ...] = {tuple(range(p.seeds))}\n"
    )


def _dtype(model: ModelSpec) -> dict[str, str]:
    """Return the number format of a model that would be taken in another one without it."""
    return {} if model.dtype == "float32" == usual_dtype(model.origin) else {"dtype": model.dtype}


def _methods(methods: Sequence[Method], epochs: int | None) -> Iterator[str]:
    """Yield a function that returns the methods for so many training rows."""
    yield "\ndef methods(n: int) -> list[Method]:"
    if any(isinstance(method, FineTuning) for method in methods):
        yield f"    epochs = {epochs or f'max(1, -(-{ROWS} // n))  # few rows are seen again'}"
        yield f"    warmup = epochs * -(-n // {BATCH}) // 10"
    yield "    return ["
    for method in methods:
        fields: dict[str, Any] = {name: value for name, value in _fields(method).items() if name != "n"}
        counted = ["n=n"] if "n" in type(method).model_fields else []
        if isinstance(method, FineTuning):
            recipe = {**_fields(method.recipe), "epochs": _Source("epochs"), "warmup_updates": _Source("warmup")}
            fields["recipe"] = _Source(f"Recipe({', '.join(_given(recipe))})")
        if isinstance(method, LinearProbe):
            fields["pools"] = _Source("POOLS")
        yield _call(f"        {type(method).__name__}", [*counted, *_given(fields)]) + ","
    yield "    ]\n"


def _pools(data: Sequence[DataSet], named: Mapping[FilesDomain, str]) -> Iterator[str]:
    """Yield domains whose evaluation splits have all rows, in which probes look up what they learn and are asked."""
    yield "POOLS = ("
    pools = iter(pools_of(data))
    for one in data:
        for role in one.domain.sources:
            update = {"train": "", "eval": _Source(f"{named[one.domain]}.{role}"), "without": ()}
            update |= {"labels": next(pools).labels}
            listed = ", ".join(f'"{name}": {_literal(value)}' for name, value in update.items())
            yield f"    {named[one.domain]}.model_copy(update={{{listed}}}),"
    yield ")"


class _Source(str):
    """A text that stands in the source as it is."""

    def __repr__(self) -> str:
        return str(self)


def _variables(data: Sequence[DataSet]) -> dict[FilesDomain, str]:
    """Return a name in capitals for each domain."""
    found: dict[FilesDomain, str] = {}
    for one in data:
        name = re.sub(r"\W+", "_", str(one.domain)).strip("_").upper() or "DATA"
        name = f"DATA_{name}" if name[0].isdigit() or name in ("COMMON", "TAUGHT", "ASKED", "POOLS") else name
        found[one.domain] = name if name not in found.values() else f"{name}_{len(found)}"
    return found


def _as(domain: object) -> FilesDomain:
    assert isinstance(domain, FilesDomain)
    return domain


def _fields(model: BaseModel) -> dict[str, Any]:
    """Return the fields that are not at their defaults."""
    fields = type(model).model_fields
    return {name: value for name in fields if (value := getattr(model, name)) != fields[name].default}


def _shared(domains: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields that all domains have alike."""
    return {name: value for name, value in domains[0].items() if all(other.get(name) == value for other in domains)}


def _relative(fields: Mapping[str, Any], place: Path) -> list[str]:
    """Return arguments, with paths relative to the folder of the study."""
    moved = {name: _moved(value, place) if name in ("train", "eval") else value for name, value in fields.items()}
    if "without" in fields:
        moved["without"] = tuple(_moved(text, place) for text in fields["without"])
    return _given(moved)


def _moved(text: str, place: Path) -> str:
    source = RowSource.of(text)
    if len(source.each) > 1:
        return "|".join(_moved(one.label, place) for one in source.each)
    if source.on_hub:
        return text
    moved = Path(os.path.relpath(source.path, place.absolute().parent)).as_posix()
    return f"{moved}#{source.split}" if source.split else moved


def _given(fields: Mapping[str, Any]) -> list[str]:
    return [f"{name}={_literal(value)}" for name, value in fields.items()]


def _literal(value: object) -> str:
    """Return a value as Python writes it, texts in double quotes where they have none."""
    text = repr(value)
    if isinstance(value, str) and not isinstance(value, _Source) and '"' not in text and "'" not in value:
        return f'"{text[1:-1]}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
    return text


def _call(head: str, arguments: Sequence[str], brackets: str = "()") -> str:
    """Return a call in one line, or in several if it is too long."""
    begin, end = brackets[0], brackets[1]
    line = f"{head}{begin}{', '.join(arguments)}{end}"
    if len(line) <= _WIDTH:
        return line
    inner, lines = " " * (len(head) - len(head.lstrip()) + 4), [""]
    for argument in arguments:
        if lines[-1] and len(inner) + len(lines[-1]) + len(argument) + 3 > _WIDTH:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{argument},"
    return "\n".join([f"{head}{begin}", *(f"{inner}{one}" for one in lines), f"{inner[4:]}{end}"])
