"""The plan: the steps that a study needs, each once, and what the store already has of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from offdiag.errors import UserError
from offdiag.identity import Difference, Json, to_json
from offdiag.steps import Answers, Examples, Grades, Step
from offdiag.store import State, Store
from offdiag.study import Cell, Design, Study, StudyParams
from offdiag.tasks import Example, get_task
from offdiag.tasks.overlap import check_disjoint


class StepState(NamedTuple):
    """A step, what the store knows of it, whether it must run, and why it is stale or failed."""

    step: Step
    state: State
    needed: bool
    note: str


@dataclass(frozen=True)
class Plan:
    """A study at given parameters, expanded into steps.

    Attributes:
        study, scale, params: what was expanded. design: its cells, analyses and figures.
        cells: the step of each cell, in the order of the design.
        steps: all steps, each once, inputs before what needs them.
    """

    study: Study[StudyParams]
    scale: str
    params: StudyParams
    design: Design
    cells: Mapping[Cell, Grades]
    steps: Sequence[Step]

    @property
    def origin(self) -> dict[str, Json]:
        """Who asked: written beside a step's identity, so that ``why`` can plan the same study again."""
        return {"study": self.study.name, "scale": self.scale, "params": self.params_json}

    @cached_property
    def params_json(self) -> dict[str, Json]:
        """The parameters as JSON values."""
        return self.params.model_dump(mode="json")

    def select(self, words: str) -> "Plan":
        """The part of the plan with cells whose name has all of ``words`` (separated by blanks), as ``-k`` does.

        Raises:
            UserError: no cell matches.
        """
        kept = {cell: step for cell, step in self.cells.items() if all(w in step.name for w in words.split())}
        if not kept:
            names = ", ".join(step.name for step in list(self.cells.values())[:3])
            raise UserError(f"-k {words!r} matches none of the {len(self.cells)} cells (such as {names})")
        return Plan(self.study, self.scale, self.params, self.design, kept, in_order(list(kept.values())))

    def survey(self, store: Store) -> list[StepState]:
        """What the store has of each step; a step is needed if it is not done and something unfinished wants it."""
        states = {step.fingerprint: store.state(step) for step in self.steps}
        needed: set[str] = set()
        for step in reversed(self.steps):
            target = isinstance(step, Grades) or step.fingerprint in needed
            if target and states[step.fingerprint] is not State.DONE:
                needed.add(step.fingerprint)
                needed.update(i.fingerprint for i in step.inputs if states[i.fingerprint] is not State.DONE)
        return [self._state(store, step, states[step.fingerprint], step.fingerprint in needed) for step in self.steps]

    def check(self) -> None:
        """Draw all examples (no model is loaded) and see that nothing evaluated was taught.

        Raises:
            UserError: a pool is too small, or a training set shares an item with an evaluation set.
        """
        seen: set[tuple[str, str]] = set()
        for grades in self.cells.values():
            asked = grades.answers.examples
            for taught in taught_examples(grades.answers):
                pair = (taught.fingerprint, asked.fingerprint)
                if pair not in seen:
                    seen.add(pair)
                    check_held_out(taught, asked, _draw)

    def to_json(self) -> Json:
        """The expanded study: parameters, and every step with its identity."""
        steps = [
            {"kind": s.kind, "name": s.name, "fingerprint": s.fingerprint, "identity": s.canonical()} for s in self.steps
        ]
        return to_json({**self.origin, "cells": len(self.cells), "steps": steps})

    def _state(self, store: Store, step: Step, state: State, needed: bool) -> StepState:
        note = ""
        if state is State.FAILED:
            note = store.error(step)
        elif state is State.STALE:
            note = summarise(store.reasons(step))
        return StepState(step, state, needed, note)


def make_plan(study: Study[StudyParams], scale: str, params: StudyParams | None = None) -> Plan:
    """Expand a study into its steps.

    Raises:
        UserError: the scale is unknown, or two cells of the study are the same.
    """
    params = study.params(scale) if params is None else params
    design = study.build(params)
    cells: dict[Cell, Grades] = {}
    for cell in design.cells:
        if cell in cells:
            raise UserError(f"study {study.name} lists the same cell twice: {cells[cell].name}")
        cells[cell] = cell.step()
    return Plan(study, scale, params, design, cells, in_order(list(cells.values())))


def in_order(targets: Sequence[Step]) -> list[Step]:
    """All steps that the targets need, each once, inputs first."""
    found: dict[str, Step] = {}

    def visit(step: Step) -> None:
        if step.fingerprint not in found:
            for needed in step.inputs:
                visit(needed)
            found[step.fingerprint] = step

    for target in targets:
        visit(target)
    return list(found.values())


def taught_examples(answers: Answers) -> Iterator[Examples]:
    """The examples that the learner was taught, by training or in its context."""
    for step in in_order([answers]):
        if isinstance(step, Examples) and step.fingerprint != answers.examples.fingerprint:
            yield step


def check_held_out(taught: Examples, asked: Examples, load: Callable[[Examples], list[Example]]) -> None:
    """See that two sets share no item, up to the task's symmetries.

    Raises:
        UserError: they do; the message names the item.
    """
    if taught.domain.task == asked.domain.task:
        check_disjoint(get_task(asked.domain.task), taught.domain, load(taught), asked.domain, load(asked))


def summarise(reasons: Sequence[Difference], most: int = 3) -> str:
    """A line of the fields that changed."""
    shown = "; ".join(str(reason) for reason in reasons[:most])
    return shown + (f"; and {len(reasons) - most} more" if len(reasons) > most else "")


@lru_cache(maxsize=512)
def _draw(examples: Examples) -> list[Example]:
    return examples.draw()
