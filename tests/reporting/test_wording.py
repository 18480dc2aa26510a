import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup

from offdiag.markup import visible
from offdiag.reporting.wording import literal, number, percent, percents, points, shown


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\x00b", "a⟨U+0000⟩b"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("\u202eabc\u2066", "⟨U+202E⟩abc⟨U+2066⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("tab\tline\n naïve 数学 🧮 👩‍🚀", "tab\tline\n naïve 数学 🧮 👩‍🚀"),
    ],
)
def test_hidden_characters_are_written_out_and_others_kept(text, seen):
    assert visible(text) == seen


def test_markup_is_left_alone_and_numbers_pass_through():
    assert shown(Markup("\u202e")) == "\u202e"
    assert shown("\u202e") == "⟨U+202E⟩"
    assert shown(3) == 3


def test_numbers_are_worded_for_readers():
    assert percent(0.6123) == "61.2"
    assert percent(pd.NA) == percent(None) == percent(float("nan")) == "–"
    assert percents(0.05, 0.1) == "5.0–10.0"
    assert percents(pd.NA, pd.NA) == "–"
    assert points(-0.0312) == "−3.1"
    assert points(0.12) == "+12.0"
    assert [number(v) for v in (2000.0, np.float64(-0.123456), 7, [1, 2], [], pd.NA, True)] == [
        *("2000", "−0.1235", "7", "1, 2", "–", "–", "True"),
    ]
    assert [literal(v) for v in ("a b", [1, 2], None, True)] == ["a b", "[1,2]", "null", "true"]
