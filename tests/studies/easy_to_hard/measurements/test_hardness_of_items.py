from collections import Counter

import pytest

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.measurements.item_hardness import ItemHardness
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.studies.easy_to_hard.task.sources import synthetic


def measured(**domain):
    return list(ItemHardness(domain=HardnessDomain(n_train=0, **domain)).measure(work=None))


def test_rows_are_the_items_with_their_values_and_levels():
    rows = measured(hardness="num_steps")
    assert [row["item"] for row in rows] == [item.id for item in synthetic.load().items]
    assert all(row["item"].startswith(f"{row['value']:g}-steps/") for row in rows)
    levels = {1: "easy", 2: "easy", 3: "medium", 4: "medium", 5: "hard", 6: "hard"}
    assert all(row["level"] == levels[row["value"]] for row in rows)


def test_cut_offs_are_those_of_the_domain():
    counts = Counter(row["level"] for row in measured(hardness="num_steps", easy_max=1, hard_min=6))
    assert counts == {"easy": 250, "medium": 1000, "hard": 250}


def test_a_table_has_a_name_and_its_data_set_and_measure():
    step = ItemHardness(domain=HardnessDomain(hardness="question_words", n_train=0))
    assert (step.table, step.factors()) == ("item_hardness", {"dataset": "synthetic", "measure": "question_words"})
    assert step.name == "hardness.dataset=synthetic,hardness=question_words,n_train=0"
    assert step.group is None
    with pytest.raises(UserError, match="expected a domain with a measure"):
        measured(hardness="none")


# Easy, medium, hard: recomputed from the official releases.
@pytest.mark.parametrize(
    ("dataset", "pool", "measure", "expected"),
    [
        ("arc", "main", "grade", (1130, 803, 1588)),
        ("arc", "main", "question_words", (1140, 1299, 1082)),
        ("arc", "whole", "bloom", (2357, 1314, 850)),
        ("mmlu", "whole", "school", (1143, 0, 603)),
        ("mmlu", "whole", "answer_chars", (573, 640, 533)),
        ("gsm8k", "main", "answer_chars", (5174, 0, 2618)),
    ],
)
def test_published_counts(real, dataset, pool, measure, expected):
    counts = Counter(row["level"] for row in measured(dataset=dataset, pool=pool, hardness=measure))
    assert tuple(counts[level] for level in ("easy", "medium", "hard")) == expected
