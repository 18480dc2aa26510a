import pytest

from offdiag.cost.tokens import split
from offdiag.tasks import get_task
from offdiag.tasks.base_addition import AdditionDomain


@pytest.mark.parametrize(
    ("base", "digits", "direct", "step_by_step", "boxed", "worked"),
    [  # tokens of SmolLM2 for the first four training examples
        (8, 2, [52, 52, 52, 52], [58, 58, 58, 58], [8, 8, 7, 8], [84, 69, 77, 69]),
        (9, 4, [57, 57, 57, 57], [63, 63, 63, 63], [9, 10, 9, 10], [139, 164, 169, 164]),
        (16, 2, [56, 57, 57, 57], [62, 63, 63, 63], [8, 7, 7, 7], [85, 78, 65, 78]),
    ],
)
def test_counts_are_close_to_a_real_tokenizer(
    base: int, digits: int, direct: list[int], step_by_step: list[int], boxed: list[int], worked: list[int]
) -> None:
    domain, task = AdditionDomain(base=base, digits=digits), get_task("base_addition")
    examples = task.examples(domain, "train", 4, 0)
    for i, example in enumerate(examples):
        assert len(split(task.prompt(domain, example, "direct"))) == pytest.approx(direct[i], rel=0.04)
        assert len(split(task.prompt(domain, example, "step-by-step"))) == pytest.approx(step_by_step[i], rel=0.04)
        assert len(split(task.response(domain, example, rationale=False))) == pytest.approx(boxed[i], abs=1)
        assert len(split(task.response(domain, example, rationale=True))) == pytest.approx(worked[i], rel=0.02)


def test_pieces_join_to_the_text_without_spare_blanks() -> None:
    text = 'So what is 76+76? "\\boxed{result}".\nNow 7, naïve_words & 3.'
    assert "".join(split(text)) == text
