import subprocess
import sys

import matplotlib as mpl
import pandas as pd
import pytest
from pydantic import ValidationError

from offdiag.figures import KShot, save
from offdiag.figures.style import PALETTE, heading, label, looks, new_figure, styled, values_of, within
from offdiag.identity import fingerprint
from support.framed import framed


def test_importing_figures_and_analyses_loads_nothing_heavy():
    heavy = ("matplotlib", "pandas", "scipy", "torch")
    code = f"import sys, offdiag.figures, offdiag.analyses; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_files_are_the_same_bytes_each_time(k_shot, tmp_path):
    frames = k_shot({8: [0.0, 0.2, 0.6, 0.9, 0.9]}, [0, 1, 2, 4, 8])
    written = [
        save(KShot(series="eval_base", name="k").plot(framed(*frames)), tmp_path / run, "k") for run in ("a", "b")
    ]
    assert [path.name for path in written[0]] == ["k.png", "k.pdf"]
    for one, other in zip(*written, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert b"CreationDate" not in written[0][1].read_bytes()


def test_drawing_leaves_the_global_style_alone(k_shot, tmp_path):
    before = dict(mpl.rcParams)
    save(KShot(series="eval_base", name="k").plot(framed(*k_shot({8: [0.1, 0.2]}, [0, 1]))), tmp_path, "k")
    assert dict(mpl.rcParams) == before


def test_looks_do_not_repeat_for_a_while():
    assert len(set(looks(40))) == 40
    assert [look.colour for look in looks(3)] == list(PALETTE[:3])


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("eval_base", 8, "base 8"),
        ("rationale", True, "rationale"),
        ("rationale", False, "no rationale"),
        ("adapter", "lora", "lora"),
        ("n_train", 1000, "n train 1000"),
    ],
)
def test_labels(column, value, words):
    assert label(column, value) == words


def test_values_are_sorted_and_plain():
    assert values_of(pd.Series([10.0, None, 8.0, 10.0])) == [8, 10]
    assert values_of(pd.Series([False, True, None])) == [True, False]
    assert values_of(pd.Series(["b", "a"])) == ["a", "b"]


def test_figures_are_identities_with_names_fit_for_files():
    one, other = KShot(name="k", where={"eval_digits": 2}), KShot(name="k", where={"eval_digits": 3})
    assert fingerprint(one) != fingerprint(other)
    with pytest.raises(ValidationError):
        KShot(series="eval_base", name="../k")


def test_no_line_of_a_heading_is_cut_at_the_edge_of_its_figure():
    title, note = "What was taught " * 6, "thin: one training · thick: mean over seeds, (< 95 %) " * 4
    with styled():
        figure = new_figure(5, 3)
        heading(figure, title.strip(), note.strip())
        figure.draw_without_rendering()
        edge = figure.bbox.x1
        assert all(text.get_window_extent().x1 <= edge for text in figure.texts)
    assert " ".join(figure.get_suptitle().split()) == title.strip()
    assert within("short\nlines", 5, 9) == "short\nlines"
