import pytest

from offdiag.errors import UserError
from offdiag.published import Published, read_published

ACCURACY = {"quantity": "accuracy", "value": 0.5, "n": 10, "model": "GPT-4", "provenance": "original", "source": "A"}


def test_a_file_has_fields_and_factors(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text(
        "quantity,value,n,model,table,method,k,rationale,provenance,source\n"
        'accuracy,0.648,250,GPT-4,,in-context,4,true,original,"Wu, table 1"\n'
        "midpoint,,,Phi-4,transition,,,,not found,Chang\n"
        "s_max,-1.9,,Llama,-,,,,secondary,Chang\n",
        encoding="utf-8",
    )
    first, second, third = read_published(path)
    assert (first.value, first.n, first.source, first.table) == (0.648, 250, "Wu, table 1", "cells")
    assert first.where == {"method": "in-context", "k": 4, "rationale": True}
    assert first.where["rationale"] is True
    assert first.of == "in-context k=4 rationale=true"
    assert (second.value, second.table, second.where) == (None, "transition", {})
    assert (third.value, third.table) == (-1.9, None)


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ("accuracy,x,,M,original,S", "numbers.csv, line 2: value=x should be a"),
        (
            "accuracy,,,M,original,S",
            "line 2: published accuracy of M, everything: value None with provenance 'original'",
        ),
        ("accuracy,0.5,,M,rumour,S", "should be 'original'"),
        ("accuracy,0.5,,M,original,", "source is missing"),
        ("midpoint,0.5,,M,original,S", "cells have no such number: expected accuracy or difference"),
        ("accuracy,50,10,M,original,S", "for an accuracy from 0 to 1"),
    ],
)
def test_rows_that_make_no_sense_are_named(tmp_path, row, answer):
    path = tmp_path / "numbers.csv"
    path.write_text(f"quantity,value,n,model,provenance,source\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError, match="^numbers.csv, line 2: ") as error:
        read_published(path)
    assert answer in str(error.value)


def test_an_interval_is_computed_or_stated_never_both():
    with pytest.raises(UserError, match="without low and high"):
        Published.model_validate({**ACCURACY, "low": 0.4, "high": 0.6})
    with pytest.raises(UserError, match="come together"):
        Published.model_validate({**ACCURACY, "n": None, "low": 0.4})
