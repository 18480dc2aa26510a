"""``offdiag analyse``: tables that were made elsewhere."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cli_types import Finished, Said

Offdiag = Callable[..., Said]
Mistake = Callable[..., str]

CURVES = """series,k,accuracy,n
base 8,1,.2066,250
base 8,2,.5206,250
base 8,3,.7878,250
base 8,4,.8897,250
base 8,5,.9161,250
base 8,6,.9222,250
base 8,8,.9239,250
base 10,1,.9,250
base 10,2,.96,250
base 10,3,.96,250
base 10,4,.97,250
base 10,5,.97,250
"""
FIELDS = {
    "series", "plateau", "plateau_low", "plateau_high", "slope", "slope_low", "slope_high", "midpoint", "midpoint_low",
    "midpoint_high", "width_10_90", "width_10_90_low", "width_10_90_high", "fwhm", "fwhm_low", "fwhm_high", "fw2_3m",
    "k50", "k50_low", "k50_high", "r_squared", "saturated", "midpoint_upper", "aic3", "aic4", "floor_4p", "plateau_4p",
    "midpoint_4p", "width_10_90_4p", "n_items", "n_failed_refits", "note", "unbounded",
}  # fmt: skip


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    path = tmp_path / "curves.csv"
    path.write_text(CURVES, encoding="utf-8")
    return path


def strict(text: str) -> list[dict[str, object]]:
    """JSON without the NaN and Infinity that Python would let pass."""

    def refuse(word: str) -> object:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


def test_json_has_all_numbers_and_null_for_what_is_not_known(offdiag: Offdiag, curves: Path) -> None:
    said = offdiag("analyse", "transition", curves, "--json", "--resamples", 200)
    assert said.code == 0, said
    eight, ten = strict(said.out)
    assert set(eight) >= FIELDS
    assert (eight["series"], ten["series"]) == ("base 8", "base 10")
    assert eight["midpoint"] == pytest.approx(1.83, abs=1e-3)
    assert eight["midpoint_low"] < 1.83 < eight["midpoint_high"]
    assert eight["fwhm"] == pytest.approx(3.5255 / 1.5, abs=1e-3)
    assert (eight["saturated"], eight["n_items"], eight["unbounded"]) == (False, 250, [])
    assert ten["saturated"] is True
    assert ten["midpoint"] is None
    assert ten["midpoint_upper"] == 1


def test_an_end_without_a_bound_is_null_and_named(offdiag: Offdiag, tmp_path: Path) -> None:
    path = tmp_path / "half.csv"
    shares = [0.02, 0.05, 0.2, 0.35, 0.48, 0.5, 0.52, 0.51, 0.5]
    path.write_text("\n".join(["series,k,accuracy", *(f"a,{k},{a}" for k, a in enumerate(shares))]), encoding="utf-8")
    (row,) = strict(offdiag("analyse", "transition", path, "--json", "--n", 100, "--resamples", 300).out)
    assert row["k50_low"] is not None
    assert row["k50_high"] is None
    assert "k50_high" in row["unbounded"]


def test_a_table_for_people(offdiag: Offdiag, curves: Path) -> None:
    said = offdiag("analyse", "transition", curves, "--resamples", 50)
    assert "1.83 [1." in said.out
    assert "midpoint_upper" in said.out
    assert len(said.out.splitlines()) == 4


def test_standard_input_settings_and_rows(
    offdiag: Offdiag, curves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    class Input:
        buffer = io.BytesIO(CURVES.replace(",250", ",").encode())

    monkeypatch.setattr("sys.stdin", Input())
    said = offdiag("analyse", "transition", "-", "--json", "--where", "series=base 8", "--n", "250",
                   "--resamples", "100", "--seed", "3")  # fmt: skip
    other = offdiag("analyse", "transition", curves, "--json", "--set", "resamples=100", "--set", "seed=3")
    assert strict(said.out) == strict(other.out)[:1]


def test_lines_of_the_original_results(offdiag: Offdiag, tmp_path: Path) -> None:
    path = tmp_path / "results.txt"
    shares = [0.05, 0.2, 0.5, 0.8, 0.9, 0.9]
    lines = [f"unsloth/Phi-4 8 True 2 {k} True: {a}" for k, a in zip([0, 1, 2, 4, 8, 16], shares, strict=True)]
    path.write_text("\n".join([*lines, "unsloth/Phi-4 8 True 2 1 False: 0.1", ""]), encoding="utf-8")
    with_rationales, without = strict(offdiag("analyse", "transition", path, "--json").out)
    assert with_rationales["series"] == "model=unsloth/Phi-4 base=8 cot=True n_digits=2 icl_cot=True"
    assert with_rationales["midpoint"] is not None
    assert with_rationales["midpoint_low"] is None
    assert "the numbers of items are unknown" in str(with_rationales["note"])
    assert str(without["note"]).startswith("2 values of k measured")


def test_the_tables_of_a_report(offdiag: Offdiag, finished: Finished, tmp_path: Path) -> None:
    words = (*finished.words, "--store", finished.store, "-o", tmp_path / "report")
    assert offdiag("report", *words).code == 0
    for name in ("cells.csv", "records.csv"):
        said = offdiag("analyse", "transition", tmp_path / "report/tables" / name, "--json")
        assert said.code == 0, said
        assert {row["n_items"] for row in strict(said.out)} == {4}


def test_width_scaling(offdiag: Offdiag, tmp_path: Path) -> None:
    path = tmp_path / "widths.csv"
    lines = ["size,k,accuracy"]
    for size in (16, 64):
        slope = 4.394449 / (20 / size**0.5)
        lines += [f"{size},{k},{0.95 / (1 + 2.718281828 ** (-slope * (k - 4)))}" for k in range(11)]
    path.write_text("\n".join(lines), encoding="utf-8")
    rows = strict(offdiag("analyse", "width-scaling", path, "--json", "--set", "counted=parameters").out)
    assert [row["size"] for row in rows] == [16, 64]
    assert [row["width_10_90"] for row in rows] == pytest.approx([5, 2.5], abs=1e-3)
    assert [row["amplitude"] for row in rows] == pytest.approx([20, 20], abs=0.01)
    assert rows[0]["counted"] == "parameters"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("transition nowhere.csv", "no file nowhere.csv: give the path of a table, or - for standard input"),
        ("transition .", ". cannot be read (Is a directory)"),
        ("transition empty.csv", "empty.csv: the table is empty"),
        (
            "transition noise.csv",
            "noise.csv is in UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8, if it is UTF-16)",
        ),
        ("transition bad.csv", "bad.csv: line 2: accuracy is '47', expected a number from 0 to 1"),
        ("transition bad.csv --where k=7", "--where k=7: no row has that, column 'k' has 1"),
        ("transition bad.csv --where k", "--where 'k': expected column=value"),
        ("transition bad.csv --set resample=3", "unknown parameter 'resample'; did you mean resamples?"),
        ("transition bad.csv --n -3", "n=-3 should be greater than or equal to 0"),
        ("transition bad.csv --n 3 --set n=4", "n is given twice"),
        ("transitions bad.csv", "unknown analysis 'transitions': there are "),
        ("transitions bad.csv", "; transition (columns series,k,accuracy and optionally n; or series,k,correct,item)"),
        ("width-scaling bad.csv", "bad.csv: no column 'size'"),
        ("transition", "Missing argument 'TABLE'"),
    ],
)
def test_a_mistake_is_one_line(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, answer: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "noise.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "bad.csv").write_text("series,k,accuracy\na,1,47\n")
    assert answer in mistake("analyse", *words.split())
