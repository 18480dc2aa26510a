import math
from typing import Any, ClassVar

import pytest

from offdiag.errors import UserError
from offdiag.identity import Identity, canonical_json, differences, fingerprint, to_json


class Inner(Identity):
    rate: float = 0.5


class Outer(Identity):
    tag: ClassVar[str] = "outer"
    name: str = "x"
    inner: Inner = Inner()
    shots: tuple[int, ...] = (1, 2)


class Loose(Identity):
    anything: Any


class Opaque:
    pass


def test_canonical_json_is_sorted_compact_and_ascii():
    assert canonical_json({"b": (1, 2.5), "a": {"z": None, "é": True}}) == '{"a":{"z":null,"\\u00e9":true},"b":[1,2.5]}'
    assert canonical_json({"b": 1, "a": 2}) == canonical_json({"a": 2, "b": 1})
    assert canonical_json(Outer()) == ('{"@":"outer","inner":{"@":"Inner","rate":0.5},"name":"x","shots":[1,2]}')


def test_a_lone_surrogate_has_a_fingerprint():
    assert canonical_json("\ud800") == '"\\ud800"'
    assert len(fingerprint("\ud800")) == 64


@pytest.mark.parametrize(
    "value",
    [len, lambda: 0, math.nan, math.inf, -math.inf, Opaque(), {1, 2}, frozenset(), b"x", 1j, {1: "a"}, [[Opaque()]]],
    ids=lambda value: f"{type(value).__name__} {value}".partition(" object at")[0].partition(" <function")[0],
)
def test_what_has_no_stable_text_is_refused_by_the_name_of_its_field(value):
    with pytest.raises(UserError, match="anything"):
        fingerprint(Loose(anything=value))


def test_the_refusal_names_the_place_inside_a_field():
    with pytest.raises(UserError, match=r"anything\.rates\[1\] = nan"):
        fingerprint(Loose(anything={"rates": [0.1, math.nan]}))


def test_types_with_equal_fields_do_not_share_a_fingerprint():
    class Other(Identity):
        rate: float = 0.5

    assert fingerprint(Inner()) != fingerprint(Other())


def test_numbers_of_two_types_differ_and_lists_are_tuples():
    assert fingerprint(1) != fingerprint(1.0) != fingerprint("1.0")
    assert fingerprint(1) != fingerprint(True)
    assert fingerprint([1, 2]) == fingerprint((1, 2))


def test_a_fingerprint_is_the_same_in_every_version():
    assert fingerprint(Outer()) == "64d5aa9ce821dbb3b20fa349e723460fe0da5c0c7176e1491651f2b6a8d8ad69"


def test_identities_are_frozen_and_closed():
    with pytest.raises(ValueError, match="frozen"):
        Inner().rate = 1.0
    with pytest.raises(ValueError, match="extra"):
        Inner(rat=1.0)
    with pytest.raises(ValueError, match="finite"):
        Inner(rate=math.nan)


def test_differences_name_the_leaves():
    old, new = to_json(Outer()), to_json(Outer(inner=Inner(rate=0.25), shots=(1, 2, 4)))
    assert [str(d) for d in differences(old, new)] == ["inner.rate: 0.5 → 0.25", "shots[2]: — → 4"]
    assert differences(old, old) == []


def test_differences_see_an_empty_container_and_a_type():
    assert [str(d) for d in differences({"a": []}, {"a": [1]})] == ["a: [] → —", "a[0]: — → 1"]
    assert [str(d) for d in differences({"a": 1}, {"a": "1"})] == ['a: 1 → "1"']
