import pytest

from offdiag.cost.tokens import split


@pytest.mark.parametrize(
    ("text", "real"),  # counted with the tokenizer of SmolLM2
    [
        (
            'Act as a mathematician. Every number here is in base-16, whose digits are "0123456789ABCDEF". So what is '
            'A4+8F? Work step by step, then finish with the result in a LaTeX box: "\\boxed{result}".',
            62,
        ),
        (
            "First add the ones: in base-8, 6+6=14. The ones digit is 4. Carry 1 to the tens. Now add the tens: in "
            "base-8, 7+7=16. With the carry, 16+1=17. The hundreds and tens digits are 17. All together: \\boxed{174}.",
            84,
        ),
        ("What is the capital of France? Name three countries in Scandinavia.\nWhy is the sky blue?", 20),
    ],
)
def test_counts_are_close_to_a_real_tokenizer(text: str, real: int) -> None:
    assert len(split(text)) == pytest.approx(real, rel=0.04)


def test_a_short_answer_is_off_by_one_at_most() -> None:
    assert len(split("\\boxed{174}")) == pytest.approx(8, abs=1)


def test_pieces_join_to_the_text_without_spare_blanks() -> None:
    text = 'So what is 76+76? "\\boxed{result}".\nNow 7, naïve_words & 3.'
    assert "".join(split(text)) == text
