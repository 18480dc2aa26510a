import pytest

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.analyses.accuracy_grid import AccuracyGrid
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from support.hardness_frames import hardness_frames, joined

ACCURACIES = {("zero-shot", None): 0.3, ("in-context", "all"): 0.6}
OVER = AccuracyOverDraws(name="x", by=("model", "learner", "eval_dataset", "train_level"))
GRID = AccuracyGrid(name="grid", of=OVER)


def frames(**options):
    return joined(
        hardness_frames(ACCURACIES, **options),
        hardness_frames({**ACCURACIES, ("linear-probe", "all"): 0.5}, dataset="mmlu", **options),
    )


def test_a_row_a_learner_and_a_column_a_data_set_in_per_cent():
    found = GRID.table(frames())
    assert list(found) == ["model", "learner", "arc", "mmlu"]
    assert found["learner"].tolist() == ["zero-shot", "in-context", "linear-probe"]
    over = OVER.table(frames())
    row = over[(over["learner"] == "in-context") & (over["eval_dataset"] == "mmlu")].iloc[0]
    expected = "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * row[name] for name in ("accuracy", "low", "high")))
    assert found.set_index("learner").loc["in-context", "mmlu"] == expected
    assert found.set_index("learner").loc["linear-probe", "arc"] == ""


def test_what_is_missing_says_so_and_two_numbers_for_one_place_are_refused():
    undone = [f"in-context.mmlu.grade.all.{b}" for b in range(3)]
    assert GRID.table(frames(undone=undone)).set_index("learner").loc["in-context", "mmlu"] == "missing"
    both = joined(frames(), hardness_frames({("in-context", "easy"): 0.5}, suffix=".x"))
    with pytest.raises(UserError, match="2 rows are alike in model, learner, eval_dataset"):
        GRID.table(both)
