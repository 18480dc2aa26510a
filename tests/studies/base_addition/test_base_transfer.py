"""The study base-transfer: what it plans, and a run of it from nothing to tables and figures on a tiny model."""

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.stats import holm
from offdiag.stats.learner_difference import difference_of_replicates
from offdiag.study_files import load_study
from support.framed import unwrapped

TINY = {
    "decoder": {"architecture": "gpt2", "width": 16, "depth": 1, "heads": 2}, "pretraining": {"updates": 2},
    "tuning": {"updates": 2, "batch_size": 8}, "n_train": 16, "n_eval": 6, "bases": (8, 10), "tuned_bases": (8,),
    "first": {"base": "8x1+10x3", "digits": 2, "lines": "both"},
}  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    plan = offdiag.plan("base-transfer", "quick", **TINY)
    store = tmp_path_factory.mktemp("store")
    assert offdiag.run(plan, store=store).complete
    return offdiag.load(plan, store=store)


@pytest.mark.parametrize("scale", ["quick", "cpu"])
def test_each_seed_has_one_model_that_learns_first_and_one_more_for_each_base_and_kind_of_line(scale):
    p = load_study("base-transfer").scales[scale]
    plan = offdiag.plan("base-transfer", scale)
    trainings = [step for step in plan.steps if step.kind == "training"]
    assert len(trainings) == len(p.seeds) * (1 + 3 * 2)
    assert len(p.seeds) >= {"quick": 2, "cpu": 5}[scale]
    first, *tuned = trainings
    assert first.decoder.parameters(first.stream.vocabulary, first.stream.columns) == 348_480
    assert all(step.recipe.updates == 63 and step.recipe.batch_size == 16 for step in trainings if step.start)


def test_every_change_is_measured_against_the_model_of_the_same_seed_before_its_tuning(done):
    cells = done.cells.set_index("cell")
    tuned = cells[cells["method"] == "mixture-tuning"]
    assert len(tuned) == 2 * 2 * 3  # seeds, kinds of lines; base 8 with two and three digits, base 10
    before = cells.loc[tuned["baseline"]]
    assert (before["method"] == "pre-training").all()
    for column in ("seed", "eval", "n_planned"):
        assert (before[column].to_numpy() == tuned[column].to_numpy()).all()
    assert cells.loc[cells["method"] == "pre-training", "baseline"].isna().all()
    difference = tuned["accuracy"].to_numpy(float) - before["accuracy"].to_numpy(float)
    assert tuned["difference"].to_numpy(float) == pytest.approx(difference)


def test_the_table_of_changes_has_a_row_for_what_was_taught_and_asked(done):
    table = done.report_tables["changes"]
    assert (table["state"] == "done").all()
    assert len(table) == 6
    assert (table["n_seeds"] == 2).all()
    assert (table["after"] - table["before"]).to_numpy() == pytest.approx(table["change"].to_numpy())
    assert table["change_low"].le(table["change"]).all()
    assert table["change_high"].ge(table["change"]).all()
    assert table["p_holm"].tolist() == holm(table["p_value"]).tolist()
    row = table[(table["train_lines"] == "worked") & (table["eval_base"] == 10)].iloc[0]
    ours, theirs = (
        done.records[(done.records["train_lines"] == "worked") & (done.records["method"] == "mixture-tuning")
                     & (done.records["eval_base"] == 10)],
        done.records[(done.records["method"] == "pre-training") & (done.records["eval_base"] == 10)
                     & (done.records["eval_lines"] == "worked")],
    )  # fmt: skip
    change = (wide(ours) - wide(theirs)).to_numpy(float)
    expected = difference_of_replicates(change)
    assert (row["p_value"], row["change_low"]) == pytest.approx((expected.p_value, expected.low), nan_ok=True)
    cells = done.cells[(done.cells["train_lines"] == "worked") & (done.cells["eval_base"] == 10)]
    assert row["after"] == pytest.approx(cells[cells["method"] == "mixture-tuning"]["accuracy"].astype(float).mean())


def wide(records):
    return records.assign(correct=records["correct"].astype(float)).pivot(
        index="seed", columns="example", values="correct"
    )


def test_figures_draw_each_change_and_mark_what_was_taught(done):
    figures = {figure.name: figure.plot(done.frames) for figure in done.design.figures}
    assert set(figures) == {"transfer-bases", "transfer-digits"}
    title = "Change in accuracy against the same model before its fine-tuning"
    assert {unwrapped(figure.get_suptitle()) for figure in figures.values()} == {title}
    (axes,) = figures["transfer-bases"].axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["8", "10"]
    assert sum(patch.get_gid() == "bar" for patch in axes.patches) == 4
    assert sum(patch.get_gid() == "taught" for patch in axes.patches) == 2  # one behind each bar of base 8


def test_published_changes_stand_beside_ours(tmp_path):
    table = offdiag.compare("base-transfer", store=tmp_path, **TINY)
    known = table[table["published"].notna()]
    assert known["of"].tolist() == [
        "written_sums mixture-tuning train_base=8 train_digits=2 eval_base=8 eval_digits=2 bare"
    ]
    assert known["measured_state"].tolist() == ["not run"]
    assert (table.loc[table["of"].str.contains("train_base=9"), "measured_state"] == "not measured").all()
    assert table["quantity"].tolist().count("difference") == 30


def test_mixed_lengths_and_bases_can_be_taught():
    plan = offdiag.plan("base-transfer", "quick", **{**TINY, "tuned_digits": ("2x1+3x1", 2), "n_train": 8})
    taught = {str(cell.arm.train) for cell in plan.cells}
    assert "base=8,digits=2x1+3x1,lines=worked" in taught
    names = {figure.name for figure in plan.design.figures}
    assert names == {"transfer-bases-taught-2x1+3x1".replace("+", "-"), "transfer-bases-taught-2",
                     "transfer-digits-taught-2x1-3x1", "transfer-digits-taught-2"}  # fmt: skip


def test_a_mixture_of_bases_is_drawn_by_length_in_each_of_them():
    sets = {**TINY, "tuned_bases": (8, "8x1+10x1"), "bases": (8, 9, 10), "n_train": 8}
    figures = {figure.name: figure for figure in offdiag.plan("base-transfer", "quick", **sets).design.figures}
    ends = {"", "-8x1-10x1-in-8", "-8x1-10x1-in-10"}
    assert set(figures) == {"transfer-bases", *(f"transfer-digits{end}" for end in ends)}
    mixed = figures["transfer-digits-8x1-10x1-in-10"]
    assert (mixed.where["train_base"], mixed.where["eval_base"], mixed.match_on) == ("8x1+10x1", 10, ())
    alone = offdiag.plan("base-transfer", "quick", **{**sets, "tuned_bases": ("8x1+10x1",)})
    assert {figure.name for figure in alone.design.figures} == {"transfer-bases", *(
        f"transfer-digits{end}" for end in ends if end)}  # fmt: skip


def test_what_is_taught_is_asked():
    plan = offdiag.plan("base-transfer", "quick", **{**TINY, "tuned_digits": (3,), "digits": (2,), "n_train": 8})
    for arm in {cell.arm for cell in plan.cells if cell.arm.init_from}:
        asked = {str(cell.evaluation.domain) for cell in plan.cells if cell.arm == arm}
        assert str(arm.train) in asked


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"digits": (2, 3, 4), "lines": ("worked",)}, "has lines of 53 tokens, pre-training at most 41"),
        (
            {"first": {"base": "8x2+10x96", "digits": "1x1+2x2", "lines": "both"}},
            "base=8,digits=1 has no sums",
        ),
    ],
)
def test_what_cannot_be_asked_or_drawn_is_refused_in_the_plan(options, said):
    with pytest.raises(UserError, match=said):
        offdiag.plan("base-transfer", "quick", **options)
