"""Plans: the steps that a study needs, each once, and the state of each in a store."""

import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, wraps
from operator import itemgetter
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from pydantic import ValidationError

from offdiag.analyses import StudyAnalysis
from offdiag.errors import UserError, complaints, did_you_mean, some
from offdiag.figures import StudyFigure
from offdiag.identity import Difference, Json, to_json
from offdiag.markup import card
from offdiag.models import ModelSource
from offdiag.models.files_check import check_files
from offdiag.models.quantised import check_shrinks
from offdiag.parameters import from_here, override, parameter, placeless, plain, text_of
from offdiag.provenance import installed, mixture
from offdiag.runtime import without_collection
from offdiag.steps import Examples, Grades, Measurement, Step, in_order
from offdiag.store import State, Store
from offdiag.study import Arm, Cell, Design, Study, StudyParams
from offdiag.tasks import get_task
from offdiag.tasks.changes import in_words
from offdiag.tasks.data import data_at, data_dir, unchanging
from offdiag.tasks.overlap import check_disjoint


class StepState(NamedTuple):
    """The state of a step in a store: whether it must run, and why it is stale or failed, or who has it."""

    step: Step
    state: State
    needed: bool
    note: str

    @property
    def word(self) -> str:
        """The state as people read it: a step that nobody waits for is not missing."""
        return str(self.state) if self.needed or self.state is State.DONE else "not needed"

    def row(self, store: Store) -> dict[str, str]:
        """Return the columns of the table of steps."""
        step = self.step
        return {
            "kind": step.kind,
            "name": step.name,
            "fingerprint": step.fingerprint,
            "state": self.word,
            "note": self.note,
            "folder": store.folder(step).relative_to(store.root).as_posix(),
        }


T = TypeVar("T")
P = ParamSpec("P")


def with_its_data(function: "Callable[Concatenate[Plan, P], T]") -> "Callable[Concatenate[Plan, P], T]":
    """Decorate a method of a plan so that it reads data from the plan's own place."""

    @wraps(function)
    def reading(plan: "Plan", /, *args: P.args, **kwargs: P.kwargs) -> T:
        with data_at(plan.data_dir):
            return function(plan, *args, **kwargs)

    return reading


@dataclass(frozen=True, repr=False)
class Plan:
    """A study at given parameters, expanded into steps.

    Attributes:
        study, scale, params: what was expanded. design: its cells, analyses and figures.
        overrides: the parameters that were set apart from the scale, by their names.
        data_dir: place of the data that it was made from, see :mod:`offdiag.tasks.data`; empty if none was given.
        words: what the names of its targets must have, where it is a part of a plan. compared: with the baselines.
        cells: the step of each cell, in the order of the design. measurements: the design's.
        steps: all steps, each once, inputs before what needs them.
    """

    study: Study[Any]
    scale: str
    params: StudyParams
    design: Design
    cells: Mapping[Cell, Grades]
    measurements: Sequence[Measurement]
    steps: Sequence[Step]
    overrides: Mapping[str, object]
    data_dir: str = ""
    words: tuple[str, ...] = ()
    compared: bool = False

    def __repr__(self) -> str:
        return f"<Plan {self.command}: {self.size}, {some(len(self.steps), 'step')}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the study, its settings, and how many steps of each kind there are."""
        kinds = Counter(step.kind for step in self.steps)
        return card(
            f"Plan of {self.study.name} at {self.scale}: {self.study.title}",
            self.study.claim,
            {
                "cells and measurements": self.size,
                "steps": ", ".join(f"{n} {kind}" for kind, n in kinds.items()) or "none",
                **{f"set {name}": value for name, value in self.sets.items()},
                "on the command line": f"offdiag run {self.command}",
            },
        )

    @property
    def origin(self) -> dict[str, Json]:
        """Study, scale and settings, written beside each result so that ``why`` can plan it again."""
        name = self.study.name if self.study.file is None else str(self.study.file)
        return {"study": name, "scale": self.scale, "set": dict(self.sets)}

    @property
    def command(self) -> str:
        """Return the words after ``offdiag run`` that ask for this plan, typed in this folder."""
        sets = [word for name, value in self.sets.items() for word in ("--set", f"{name}={value}")]
        study = self.study.name if self.study.file is None else from_here(self.study.file)
        return shlex.join([study, "--scale", self.scale, *sets])

    @property
    def portable_command(self) -> str:
        """The words after ``offdiag run``, with the last part alone of each path of this machine."""
        sets = [word for name, value in self.sets.items() for word in ("--set", f"{name}={placeless(value)}")]
        study = self.study.name if self.study.file is None else self.study.file.name
        chosen = ["-k", " ".join(self.words)] if self.words else []
        return shlex.join([study, "--scale", self.scale, *sets, *chosen])

    @cached_property
    def sets(self) -> Mapping[str, str]:
        """Return the overrides as the texts that ``--set`` takes."""
        return {name: text_of(value, parameter(self.params, name)) for name, value in self.overrides.items()}

    @cached_property
    def targets(self) -> Sequence[Step]:
        """The steps of the cells and measurements, without those that they need."""
        return [*self.cells.values(), *self.measurements]

    @property
    def size(self) -> str:
        """The number of cells and measurements in words: ``96 cells and 4 measurements``."""
        counts = ((len(self.cells), "cell"), (len(self.measurements), "measurement"))
        return " and ".join(some(n, word) for n, word in counts if n) or "nothing"

    @cached_property
    def cell_names(self) -> Mapping[Cell, str]:
        """A unique name per cell: that of its step, with the hash where two cells share it."""
        times = Counter(step.name for step in self.cells.values())
        return {cell: step.name if times[step.name] == 1 else step.folder_name for cell, step in self.cells.items()}

    @cached_property
    def first_replicates(self) -> Mapping[Arm, str]:
        """For each arm, the name of the first replicate of its learner."""
        first: dict[Arm, str] = {}
        for cell, step in self.cells.items():
            first.setdefault(cell.arm.learner, step.arm_name)
        return {cell.arm: first[cell.arm.learner] for cell in self.cells}

    @cached_property
    def params_json(self) -> dict[str, Json]:
        """The parameters as JSON values."""
        return self.params.model_dump(mode="json")

    def select(self, words: str, *, compared: bool = False) -> "Plan":
        """Return the part of the plan whose targets have all ``words`` in their name or that of their method.

        Args:
            words: with blanks between. compared: whether the baselines of the cells belong to it, too, as with ``-k``.

        Raises:
            UserError: no cell or measurement matches.
        """

        def wanted(name: str) -> bool:
            return all(word in name for word in words.split())

        chosen = {cell for cell, step in self.cells.items() if wanted(f"{step.name} {cell.arm.method.method}")}
        measurements = [step for step in self.measurements if wanted(step.name)]
        if not chosen and not measurements:
            names, methods = [step.name for step in self.targets], {cell.arm.method.method: 0 for cell in self.cells}
            raise UserError(f"-k {words!r} matches none of the {self.size}: {did_you_mean(words, methods)}names are "
                            f"such as {', '.join(names[:3])}; methods are {', '.join(methods) or 'none'}")  # fmt: skip
        if compared:
            chosen |= {baseline for cell in chosen if (baseline := self.design.baseline_of(cell)) is not None}
        cells = {cell: step for cell, step in self.cells.items() if cell in chosen}
        steps = in_order([*cells.values(), *measurements])
        return replace(self, cells=cells, measurements=measurements, steps=steps,
                       words=(*self.words, *words.split()), compared=compared)  # fmt: skip

    def again(self) -> "Plan":
        """Return the same plan, made anew: identities of models that were fetched since then are known now."""
        with data_at(self.data_dir):
            whole = make_plan(self.study, self.scale, self.overrides)
        return whole.select(" ".join(self.words), compared=self.compared) if self.words else whole

    def survey(self, store: Store, *, closely: bool = False) -> list[StepState]:
        """Return the state of each step; one is needed if it is damaged, or an unfinished target depends on it.

        Results that will be read are looked at closely, see :meth:`Store.damage`: those that an unfinished step needs,
        and with ``closely`` those that frames are made of.
        """
        states = store.states(self.steps, self.origin)
        ours = frozenset(states)
        needed: set[str] = set()

        def lacking(step: Step, *, read: bool) -> bool:
            if read and states[step.fingerprint] is State.DONE and store.damage(step, "reading"):
                states[step.fingerprint] = State.DAMAGED
            return states[step.fingerprint] is not State.DONE

        for step in reversed(self.steps):
            target = isinstance(step, Grades | Measurement)
            lacks = lacking(step, read=closely and (target or isinstance(step, Examples)))
            damaged = states[step.fingerprint] is State.DAMAGED
            if lacks and (target or damaged or step.fingerprint in needed):
                needed.add(step.fingerprint)
                needed.update(i.fingerprint for i in step.inputs if lacking(i, read=True))
        return [
            StepState(step, state, step.fingerprint in needed, _note(store, step, state, ours))
            for step, state in zip(self.steps, states.values(), strict=True)
        ]

    def mixture(self, store: Store, survey: Sequence[StepState], *, beside_here: bool = False) -> str | None:
        """Return in one line in what the finished cells and measurements were made differently, or None.

        ``beside_here`` compares them with what is installed, too, since what is to be done will be made with that.
        """
        done = {state.step.fingerprint for state in survey if state.state is State.DONE}
        made = [
            [{**store.provenance(step), "kind": step.kind} for step in target.walk() if step.fingerprint in done]
            for target in self.targets
            if target.fingerprint in done
        ]
        return mixture(made, installed() if beside_here else None)

    @with_its_data
    @unchanging()
    def check(self) -> None:
        """Check models' files and every step, that there are enough examples, and that no training set shares an item.

        Raises:
            UserError: a model's files are damaged, a pool is too small, a step cannot run right, or a training set
                shares an item with an evaluation set.
        """
        for origin in models_of(self.steps):
            check_files(origin)
        for spec in dict.fromkeys(spec for step in self.steps for spec in step.models()):
            check_shrinks(spec)
        for step in self.steps:
            if isinstance(step, Examples):
                get_task(step.domain.task).check_available(step.domain, step.split, step.n)
        for step in self.steps:
            _check_weights(step)
            step.check()
        pairs = {
            (taught.fingerprint, grades.answers.examples.fingerprint): (taught, grades.answers.examples)
            for grades in self.cells.values()
            for taught in grades.answers.taught()
        }
        check_held_out(pairs.values())

    def to_json(self) -> Json:
        """Return the expanded study as JSON: parameters, and every step with its identity."""
        steps = [
            {"kind": s.kind, "name": s.name, "fingerprint": s.fingerprint, "identity": s.canonical()}
            for s in self.steps
        ]
        counts = {"cells": len(self.cells), "measurements": len(self.measurements)}
        return to_json({**self.origin, "params": self.params_json, **counts, "steps": steps})


@without_collection()
@unchanging()
def make_plan(study: Study[Any], scale: str, overrides: Mapping[str, object] | None = None) -> Plan:
    """Expand a study into its steps.

    Args:
        study, scale: what to expand. overrides: values of parameters to set apart from the scale, by name.

    Raises:
        UserError: the scale or a parameter is unknown, a value is out of range, or two cells, tables or figures of the
            study are the same.
    """
    overrides = {name: plain(value) for name, value in (overrides or {}).items()}
    params = override(study.params(scale), overrides)
    with data_at(str(getattr(params, "data_dir", ""))):
        return _expanded(study, scale, params, overrides)


def _expanded(study: Study[Any], scale: str, params: StudyParams, overrides: Mapping[str, object]) -> Plan:
    try:
        design: object = study.build(params.with_chat())
    except ValidationError as error:
        raise UserError(f"study {study.name} at scale {scale}: {error.title}: {complaints(error)}") from error
    if not isinstance(design, Design):
        raise UserError(f"study {study.name} returns {type(design).__name__}: expected return Design(cells=…)")
    design.check_tables()
    cells: dict[Cell, Grades] = {}
    seen: set[str] = set()
    for measured in design.measurements:
        if measured.fingerprint in seen:
            raise UserError(
                f"study {study.name} lists the same measurement twice: {measured.name}; give each value once"
            )
        seen.add(measured.fingerprint)
    for cell in design.cells:
        step = cell.step()
        if step.fingerprint in seen:
            raise UserError(f"study {study.name} lists the same cell twice: {step.name}; give each value once")
        seen.add(step.fingerprint)
        cells[cell] = step
    # After the cells: a value that a parameter lists twice makes cells and figures twice, and should be told as that.
    design.check_names()
    _check_scores(design)
    steps = in_order([*cells.values(), *design.measurements])
    params.check_chat(spec for step in steps for spec in step.models())
    return Plan(study, scale, params, design, cells, design.measurements, steps, overrides, data_dir())


def _check_scores(design: Design) -> None:
    """Refuse what counts right answers where it reads cells whose items are more than right or wrong."""
    scored = [cell for cell in design.cells if not cell.evaluation.right_or_wrong]
    readers: list[StudyAnalysis | StudyFigure] = [*design.analyses, *design.figures]
    for reader in (reader for reader in readers if scored and not type(reader).takes_scores):
        for cell in scored:
            known = cell.factors()
            if all(known.get(name, value) == value for name, value in reader.where.items()):
                raise UserError(
                    f"{reader.name} counts right answers, and {cell.evaluation.domain} is scored by "
                    f"{cell.evaluation.metric}: leave one of the two out, or choose other cells with where="
                )


def check_held_out(pairs: Iterable[tuple[Examples, Examples]]) -> None:
    """Check that nothing that is taught is asked, up to the task's symmetries.

    Args:
        pairs: what is taught, and what its arm is asked.

    Raises:
        UserError: something is; the message names the pair that shares the most, with its first item.
    """
    shared = [(len(_shared(taught, asked)), taught, asked) for taught, asked in pairs]
    most, taught, asked = max(shared, key=itemgetter(0), default=(0, None, None))
    if most and taught is not None and asked is not None:
        check_disjoint(get_task(asked.domain.task), taught.domain, taught.sample(), asked.domain, asked.sample(),
                       (taught.split, asked.split))  # fmt: skip


def _shared(taught: Examples, asked: Examples) -> frozenset[str]:
    """Return the keys of the items that two sets share; those of two tasks do not mean the same."""
    if taught.domain.task != asked.domain.task:
        return frozenset()
    return _keys(taught, taught.fingerprint) & _keys(asked, asked.fingerprint)


def _check_weights(step: Step) -> None:
    served = [spec.source for spec in step.models() if spec.origin.served]
    if served and step.needs_weights:
        raise UserError(
            f"{step.kind}/{step.name} needs the weights of {served[0]}, which stay on its server: such a model is "
            "asked as it is or with demonstrations, so give its arms the methods zero-shot or in-context"
        )


def models_of(steps: Sequence[Step]) -> list[ModelSource]:
    """Return the models that steps load, each once."""
    return list(dict.fromkeys(spec.origin for step in steps for spec in step.models()))


def summarise(reasons: Sequence[Difference], most: int = 3) -> str:
    """Return what changed, in one line."""
    said = in_words(reasons)
    return "; ".join(said[:most]) + (f"; and {len(said) - most} more" if len(said) > most else "")


@lru_cache(maxsize=512)
def _keys(examples: Examples, fingerprint: str) -> frozenset[str]:
    """Return the keys of the items; the fingerprint tells apart data that changed."""
    return get_task(examples.domain.task).keys(examples.domain, examples.split, examples.n, examples.seed)


def _note(store: Store, step: Step, state: State, ours: Collection[str]) -> str:
    if state is State.FAILED:
        return store.error(step)
    if state is State.DAMAGED:
        return store.damage(step, "reading")
    if state is State.BUSY:
        return str(store.holder(step) or "")
    if state is not State.STALE:
        return ""
    return store.outdated.get(step.fingerprint) or summarise(store.reasons(step, ours))
