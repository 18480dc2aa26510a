import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from offdiag.cost import estimate, peaks, rates_here
from offdiag.cost import rates as module
from offdiag.cost.rates import MeasuredRates, Rates, Speed, at, calibrated, cpu_label, from_table
from offdiag.cost.throughput import Throughput
from offdiag.doctor.calibrate import calibrate, finding
from offdiag.errors import UserError
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.steps import CostLine
from offdiag.studies.base_addition.base_thresholds import base_thresholds
from offdiag.training.scratch import Decoder
from support.tiny_study import tiny_plan

CPU = Runtime(device="cpu", threads=1)
ONE = Speed(
    trained=((1e3, 1e9), (1e9, 1e12)), read=((1e6, 2e9),), written=((1e6, 1e9),), passes=((1e6, 0.01), (1e8, 0.1))
)
RATES = Rates(basis="a guess", within=2.0, speeds={"float32": ONE})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(peaks, "DRIVER", tmp_path / "driver")
    return tmp_path


def test_a_rate_lies_on_a_line_of_logarithms_and_ends_with_its_points() -> None:
    assert at(ONE.trained, 1e6) == pytest.approx(10**10.5)
    assert (at(ONE.trained, 10), at(ONE.trained, 1e12)) == (1e9, 1e12)


def test_the_time_of_a_step_by_hand() -> None:
    trained = CostLine(kind="training", trained_tokens=1000, flops_expected=6e9, flops_most=6e9)
    assert RATES.seconds(trained, "float32") == pytest.approx((6e9 / 10**10.5,) * 2)
    answers = CostLine(
        kind="answers", prefill_tokens=400, generated_expected=100, generated_most=600, passes_expected=10,
        passes_most=60, flops_expected=1e9, flops_most=2e9,
    )  # fmt: skip
    expected, most = RATES.seconds(answers, "float16")  # no rate of its own: float32
    assert expected == pytest.approx(0.8e9 / 2e9 + 0.2e9 / 1e9 + 10 * 0.01)
    assert most == pytest.approx(0.8e9 / 2e9 + 1.2e9 / 1e9 + 60 * 0.01)


def test_a_pass_of_a_model_larger_than_all_that_were_timed_is_bound_by_its_bytes() -> None:
    line = CostLine(kind="answers", generated_expected=1, generated_most=1, passes_expected=1, passes_most=1,
                    flops_expected=2e9, flops_most=2e9)  # fmt: skip
    assert RATES.seconds(line, "float32")[0] == pytest.approx(2e9 / 1e9 + 1.0)  # ten times 0.1 s


def test_a_step_of_unknown_size_leaves_the_time_unknown(model_stub: Path) -> None:
    line = CostLine(kind="answers", prefill_tokens=1, flops_expected=None, flops_most=None)
    assert RATES.seconds(line, "float32") is None
    assert estimate(tiny_plan(model_stub), rates=RATES).time is None


def test_where_no_model_of_this_machine_does_anything_no_time_is_told() -> None:
    plan = make_plan(base_thresholds, "quick")
    assert estimate(plan, set(), rates=RATES, throughput=Throughput()).time is None


def test_the_time_and_its_basis_are_told() -> None:
    plan = make_plan(base_thresholds, "quick")
    cost = estimate(plan, rates=RATES)
    assert cost.time is not None
    assert "within a factor of 2; by a guess" in str(cost.time)
    written = json.loads(json.dumps(cost.to_json(), allow_nan=False))
    assert (written["seconds_expected"], written["seconds_by"]) == (cost.time.expected, "a guess")


@pytest.mark.parametrize(
    ("name", "known"),
    [("NVIDIA H200", "H200"), ("NVIDIA L40S", "L40S"), ("NVIDIA RTX A6000", "RTX A6000"),
     ("NVIDIA A100-SXM4-80GB", "A100"), ("Tesla T4", "T4"), ("h100", "H100")],
)  # fmt: skip
def test_a_device_is_found_in_the_table_by_its_name(name: str, known: str) -> None:
    found = peaks.peak_of(name)
    assert found is not None
    assert found[0] == known
    assert known in from_table(name).basis


@pytest.mark.parametrize("name", ["NVIDIA RTX A4000", "NVIDIA RTX A1000", "NVIDIA T400", "NVIDIA RTX A400"])
def test_a_name_that_only_contains_that_of_another_card_is_not_known(name: str) -> None:
    assert peaks.peak_of(name) is None


def test_both_16_bit_formats_have_the_rates_of_the_one_that_was_timed() -> None:
    slow = replace(ONE, read=((1e6, 1e6),))
    rates = Rates(basis="a guess", within=2.0, speeds={"float32": slow, "bfloat16": ONE})
    line = CostLine(kind="answers", prefill_tokens=1, flops_expected=2e9, flops_most=2e9)
    assert rates.seconds(line, "float16") == rates.seconds(line, "bfloat16") == (1.0, 1.0)


def test_a_large_model_has_the_stated_share_of_the_peak() -> None:
    speed = from_table("H100").speeds["bfloat16"]
    assert at(speed.trained, 7e9) == pytest.approx(0.4 * 756e12)
    assert at(speed.trained, 1e7) == pytest.approx(0.04 * 756e12)
    assert at(speed.passes, 7e9) == pytest.approx(0.01 * 7**0.25 + 14e9 / 0.6 / 2e12, rel=0.05)


def test_a_device_that_is_not_in_the_table_is_refused_with_those_that_are() -> None:
    with pytest.raises(UserError, match=r"device 'abacus'.*expected one of B200, H200"):
        rates_here(device="abacus")


def test_a_machine_that_was_never_timed_has_no_rates() -> None:
    assert rates_here(CPU) is None


def test_a_card_has_those_of_its_data_sheet_until_it_is_timed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "runs_on_cpu", lambda runtime: False)
    assert rates_here() is None
    information = cache / "driver/0000:01:00.0/information"
    information.parent.mkdir(parents=True)
    information.write_text("Model: \t\t NVIDIA RTX A6000\nIRQ: \t\t 40\n")
    assert "data sheet of RTX A6000" in rates_here().basis
    MeasuredRates(device="NVIDIA RTX A6000", day="2026-01-02", speeds={"float32": ONE}).keep()
    assert rates_here().speeds == {"float32": ONE}
    assert "timed on NVIDIA RTX A6000 on 2026-01-02" in rates_here().basis


def test_steps_that_were_timed_here_are_kept_beside_those_of_other_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    MeasuredRates(device="another", day="2026-01-02", speeds={"float32": ONE}).keep()
    monkeypatch.setattr("offdiag.doctor.calibrate.SECONDS", 0.01)
    tiny = Decoder(width=16, depth=1)
    measured = calibrate(CPU, ((tiny, 4),))
    measured.keep()
    assert calibrated("another").speeds == {"float32": ONE}
    found = rates_here(CPU)
    assert found.speeds == measured.speeds
    assert cpu_label(CPU) in found.basis
    speed = found.speeds["float32"]
    for points in (speed.trained, speed.read, speed.written):
        ((weights, rate),) = points
        assert weights == tiny.parameters(64, 192)
        assert 1e5 < rate < 1e14
    assert 1e-5 < speed.passes[0][1] < 10
    assert "weights train by" in finding(measured).detail


def test_rates_of_a_mac_are_found_again() -> None:
    mac = Runtime(device="mps", threads=1)
    assert rates_here(mac) is None
    MeasuredRates(device="mps", day="2026-01-02", speeds={"float32": ONE}).keep()
    assert rates_here(mac).speeds == {"float32": ONE}


@pytest.mark.parametrize(
    "points",
    [[], [[1e6, 0.0]], [[0.0, 1e9]], [[-1.0, 1e9], [1e6, 1e9]], [[1e6, 1e9], [1e4, 1e9]], [[1e6, float("nan")]],
     [[1e6, float("inf")]], [[10**400, 1e9]]],
)  # fmt: skip
def test_rates_that_no_machine_has_are_as_if_there_were_none(cache: Path, points: list[list[float]]) -> None:
    path = MeasuredRates(device="x", day="2026-01-02", speeds={"float32": ONE}).keep()
    assert calibrated("x") is not None
    path.write_text(json.dumps({"x": {"day": "2026-01-02", "speeds": {"float32": {**asdict(ONE), "passes": points}}}}))
    assert calibrated("x") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        pytest.param("[" * 100_000, id="deep"),
        '{"x": 1}',
        '{"x": {"speeds": {"float32": {}}, "day": "1"}}',
    ],
)
def test_a_spoilt_file_is_as_if_there_were_none(cache: Path, text: str) -> None:
    path = cache / "cache/offdiag/calibration/rates.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert calibrated("x") is None
