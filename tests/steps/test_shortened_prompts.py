"""Prompts that are longer than a model's context lose demonstrations, the last ones first, and are counted."""

from types import SimpleNamespace

import pytest

import offdiag
from offdiag.engine import run_plan
from offdiag.errors import TooLongError, UserError
from offdiag.gather import gather
from offdiag.methods import InContext
from offdiag.models.answers import Completion, Score
from offdiag.steps import Examples
from offdiag.steps.model_outputs import load_answers
from offdiag.store import Store
from support.tiny_study import answer_by_hand, steps_of, tiny_plan


class Reader:
    """A model whose context ends after so many characters."""

    def __init__(self, most):
        self.most = most

    def _fit(self, prompts):
        if places := [i for i, prompt in enumerate(prompts) if len(prompt) > self.most]:
            raise TooLongError("too long: use fewer demonstrations", places)

    def score(self, prompts, continuations, prefix, settings):
        self._fit(prompts)
        return [[Score(-float(i), 1) for i in range(len(options))] for options in continuations]

    def generate(self, prompts, *, skip, **how):
        self._fit(prompts)
        return iter([[Completion(i, "So the answer is 4", 1, 1, "stop") for i in range(len(prompts))]])


class Folders:
    """A running step: its own folder, and those of its inputs, which are drawn when they are asked for."""

    runtime = None

    def __init__(self, folder, model):
        self.folder, self._model = folder / "own", model
        self.folder.mkdir(exist_ok=True)
        self._root = folder

    def output(self, step):
        assert isinstance(step, Examples)
        place = self._root / step.fingerprint[:12]
        if not place.exists():
            place.mkdir()
            step.run(SimpleNamespace(folder=place))
        return place

    def answering(self, weights):
        return self._model

    def progress(self, done, total):
        pass

    def finished(self, kind, fits):
        return iter(())


def answers(method):
    plan = offdiag.plan("easy-to-hard", "quick", methods=method, n_test="9", bootstraps="1", train_on="easy")
    return next(step.answers for cell, step in plan.cells.items() if isinstance(cell.arm.method, InContext))


@pytest.mark.parametrize("method", ["in-context", "in-context+rationale"])
def test_a_prompt_that_is_too_long_loses_its_last_demonstrations(method, tmp_path):
    step = answers(method)
    work = Folders(tmp_path, Reader(10**6))
    assert "n_shortened" not in step.run(work)
    whole = load_answers(work.folder)
    lengths = sorted(len(record["prompt"]) for record in whole)
    assert not any("dropped" in record for record in whole)
    limit = lengths[3]  # four of nine fit as they are
    work = Folders(tmp_path, Reader(limit))
    assert step.run(work)["n_shortened"] == 5
    for record, before in zip(load_answers(work.folder), whole, strict=True):
        shown, all_shown = (one["prompt"].split("\n\n") for one in (record, before))
        dropped = record.get("dropped", 0)
        assert (dropped > 0) == (len(before["prompt"]) > limit)
        assert shown == [*all_shown[: 4 - dropped], all_shown[-1]]  # the question is whole
        assert len(record["prompt"]) <= limit


def test_cells_count_the_items_whose_prompts_lost_demonstrations(model_stub, tmp_path):
    plan, store = tiny_plan(model_stub, n_eval=12), Store(tmp_path / "store")
    step = steps_of(plan, "answers")[0]
    answer_by_hand(store, step, lambda i: i < 6, lambda r: {**r, "dropped": 2} if r["index"] >= 8 else r)
    assert run_plan(plan.select(step.name), store).complete
    results = gather(plan, store)
    cell = results.cells[results.cells["state"] == "done"].iloc[0]
    assert (cell["n"], cell["n_shortened"]) == (12, 4)
    assert any("column n_shortened counts them" in notice for notice in results.notices)


def test_a_question_that_does_not_fit_alone_is_refused(tmp_path):
    with pytest.raises(UserError, match="too long"):
        answers("in-context").run(Folders(tmp_path, Reader(20)))
