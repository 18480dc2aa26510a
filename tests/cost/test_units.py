import pytest

from offdiag.cost import count, duration, flops, memory_size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999.6, "1.0 k"),
        (1_234_567, "1.2 M"),
        (218_600, "219 k"),
        (99_949, "99.9 k"),
        (99_950, "100 k"),
        (None, "unknown"),
    ],
)
def test_counts_have_three_digits_and_a_prefix(number: float | None, text: str) -> None:
    assert count(number) == text


def test_operations_memory_and_time() -> None:
    assert flops(3.4e15) == "3.4 PFLOP"
    assert flops(2.5e18) == "2.5 EFLOP"
    assert flops(12) == "12 FLOP"
    assert memory_size(9.1 * 2**30) == "9.1 GiB"
    assert memory_size(2**24) == "16.0 MiB"
    assert [duration(s) for s in (42, 59.6, 125, 7_500, 200_000)] == [
        "42 s",
        "1 min 0 s",
        "2 min 5 s",
        "2 h 5 min",
        "2 d 7 h",
    ]
    assert {flops(None), memory_size(None), duration(None)} == {"unknown"}
