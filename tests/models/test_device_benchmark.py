"""The script that checks and times every path on a GPU, from end to end on a CPU with a tiny model."""

import importlib.util
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "device.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("device", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["device"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(find_spec("bitsandbytes") is None, reason='bitsandbytes: pip install "offdiag[gpu]"')
def test_every_path_is_measured_and_checked(script, capsys):
    assert script.main(["--device", "cpu", "--size", "tiny", "--together"]) == 0
    lines = capsys.readouterr().out.strip().split("\n")
    assert lines[0].startswith("| path | seconds | tokens/s | MFU | peak MiB | estimate | ratio | found |")
    assert lines[-1].startswith(f"{len(script.WAYS)} of {len(script.WAYS)} paths are as they should be")
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines[2:-1]}
    assert list(rows) == [way.name for way in script.WAYS]
    for cells in rows.values():
        seconds, rate, used, *_ = cells
        assert float(seconds) >= 0
        assert float(rate.replace(",", "")) > 0
        assert used == ""  # what a CPU could do is not known


def test_answers_that_are_too_far_and_losses_that_rise_are_wrong(script):
    found = {"seconds": 2.0, "tokens": 10, "per_token": 2, "estimate": 2**20, "peak": 2**20, "parameters": 5}
    told = {**found, "device": "NVIDIA H100 80GB", "scores": [-1.0, -2.0]}
    row, fine = script.row_of(script.Way("answer", "float32"), told, {"scores": [-1.0, -2.0]})
    assert fine
    assert row[1:6] == ["2.0", "5", "0%", "1", "1"]
    assert not script.row_of(script.Way("answer", "float32"), told, {"scores": [-1.0, -2.1]})[1]
    assert script.row_of(script.Way("answer"), told, {"scores": [-1.0, -2.1]})[1]
    risen = {**found, "device": "CPU", "losses": [1.0, 1.5]}
    row, fine = script.row_of(script.Way("lora", adapter="lora"), risen, None)
    assert not fine
    assert row[-1] == "loss 1.00 to 1.50 WRONG"
    assert script.row_of(script.Way("full", adapter="full"), {"error": "it died"}, None) == (
        ["full (bfloat16)", "", "", "", "", "", "", "it died"], False,
    )  # fmt: skip
