import pytest

from offdiag.errors import UserError
from offdiag.seeds import derive, stream


def test_streams_are_reproducible_and_named():
    assert stream(0, "a").integers(1 << 62) == stream(0, "a").integers(1 << 62)
    names = [(), ("a",), ("b",), ("a", "b"), ("b", "a"), ("a", 0), ("a", "0"), ("a", False), ("a", ("b",))]
    firsts = [stream(seed, *name).integers(1 << 62) for seed in (0, 1) for name in names]
    assert len(set(firsts)) == len(firsts)


def test_names_that_join_to_the_same_text_are_apart():
    assert derive(0, "a", "bc") != derive(0, "ab", "c")
    assert derive(0, "a,b") != derive(0, "a", "b")
    assert derive(0, 'a","b') != derive(0, "a", "b")
    assert derive(1, "2") != derive(12)


def test_seeds_in_a_row_are_not_streams_in_a_row():
    assert derive(1) - derive(0) != 1
    assert derive(0, "x", 1) != derive(1, "x", 0)


def test_the_numbers_are_the_same_on_every_machine():
    assert derive(0, "base_addition", "train") == 2297481876438148035
    assert stream(3, "order", 1).permutation(8).tolist() == [1, 7, 2, 6, 4, 3, 0, 5]


def test_derived_seeds_fit_63_bits():
    assert all(0 <= derive(seed, "x") < 1 << 63 for seed in range(200))


def test_a_name_without_a_stable_text_is_refused():
    with pytest.raises(UserError):
        stream(0, object())
