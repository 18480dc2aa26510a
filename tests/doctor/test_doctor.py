import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from offdiag.doctor import Finding, doctor
from offdiag.doctor import examine as examining
from offdiag.doctor.parity import HEAD, Replies, compare, judged
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.models import ModelSpec
from offdiag.models.flips import FlipRate
from offdiag.planning import make_plan
from offdiag.runtime import Runtime, available_cores
from offdiag.store import Store
from support.tiny_study import Params, answer_by_hand, steps_of, tiny_plan, tiny_study

RUNTIME = Runtime(device="cpu", token_budget=4096, threads=1)
FLOAT32, BFLOAT16 = ModelSpec(source="hub:a/b"), ModelSpec(source="hub:a/b", dtype="bfloat16")


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise UserError(f"{name} is not installed")

    monkeypatch.setattr(examining, "wheel_version", missing)


def examined(store: Path, model: ModelSpec | None = None, runtime: Runtime = RUNTIME) -> dict[str, Finding]:
    return {finding.name: finding for finding in doctor(runtime, model, Store(store))}


@pytest.mark.usefixtures("no_model")
def test_versions_device_and_an_empty_store(tmp_path: Path) -> None:
    found = examined(tmp_path / "new")
    for name in ("python", "offdiag", "torch", "transformers", "peft", "device", "threads", "store"):
        assert found[name].ok, found[name]
    assert found["device"].detail.startswith("cpu")
    assert "GiB free" in found["disk"].detail
    assert found["model"].ok is None
    assert "pip install" in found["model"].remedy
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("no_model")
def test_too_many_threads(tmp_path: Path) -> None:
    found = examined(tmp_path, runtime=Runtime(device="cpu", threads=available_cores() + 1))
    assert found["threads"].ok is False
    assert str(available_cores()) in found["threads"].remedy


@pytest.mark.usefixtures("no_model")
def test_a_folder_that_this_person_may_not_read(model_stub: Path, tmp_path: Path, monkeypatch) -> None:
    plan, store = tiny_plan(model_stub), Store(tmp_path / "store")
    answer_by_hand(store, steps_of(plan, "answers")[0], lambda i: True)
    listed = Path.iterdir

    def refuse(path: Path):
        if path.name == "answers":  # as the system does for others than root
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    found = examined(store.root)["store"]
    assert (found.ok, found.detail) == (False, f"cannot read {store.root / 'answers'}")
    assert "chmod" in found.remedy


@pytest.mark.usefixtures("no_model")
def test_a_broken_store(model_stub: Path, tmp_path: Path) -> None:
    plan, store = tiny_plan(model_stub), Store(tmp_path / "store")
    done, torn, failed, half = steps_of(plan, "answers")[:4]
    for step in (done, torn):
        answer_by_hand(store, step, lambda i: True)
    (store.folder(torn) / "result.json").write_text('{"finger')
    with store.claim(failed, {}):
        store.fail(failed, "Traceback …\nValueError: no such luck\n")
    with store.claim(half, {}):
        pass
    lease = store.folder(half) / "lease.json"
    lease.write_text(json.dumps({"host": socket.gethostname(), "pid": _dead_pid(), "nonce": "x"}))

    found = examined(store.root)
    assert found["store"].detail.endswith("2 finished steps, 0 at work")
    assert found["finished steps"].ok is False
    assert torn.folder_name in found["finished steps"].detail
    assert done.folder_name not in found["finished steps"].detail
    assert found["failed steps"].ok is False
    assert "ValueError: no such luck" in found["failed steps"].detail
    assert found["unfinished steps"].ok is None
    assert half.folder_name in found["unfinished steps"].detail
    assert found["leases"].ok is None
    assert str(lease) in found["leases"].detail


@pytest.mark.usefixtures("no_model")
def test_a_step_at_work_is_no_fault(model_stub: Path, tmp_path: Path) -> None:
    plan, store = tiny_plan(model_stub), Store(tmp_path / "store")
    with store.claim(plan.steps[0], {}):
        found = examined(store.root)
    assert found["store"].detail.endswith("0 finished steps, 1 at work")
    assert found["unfinished steps"].ok
    assert found["leases"].ok


@pytest.mark.usefixtures("no_model")
def test_a_copied_result_is_noticed(model_stub: Path, tmp_path: Path) -> None:
    plan, store = tiny_plan(model_stub), Store(tmp_path / "store")
    mine, other = steps_of(plan, "answers")[:2]
    for step in (mine, other):
        answer_by_hand(store, step, lambda i: True)
    (store.folder(mine) / "result.json").write_bytes((store.folder(other) / "result.json").read_bytes())
    detail = examined(store.root)["finished steps"].detail
    assert detail.startswith(f"1 damaged: {store.folder(mine)}: ")


def test_answers_of_a_model_depend_on_neither_batch_nor_cache(tiny_model: Path, tmp_path: Path) -> None:
    found = examined(tmp_path / "store", ModelSpec(source=f"dir:{tiny_model}"))
    assert found["model"].ok
    for name in ("batch invariance", "cache parity"):
        assert found[name].ok, found[name]
        assert found[name].detail.startswith("0 of 8 completions differ")
    assert found["flips"].ok
    assert found["flips"].detail.startswith("0 of 40 completions and 0 of 40 choices change")


def test_the_flips_of_a_model_in_16_bits_are_told_and_kept_for_its_pages(tiny_model: Path, tmp_path: Path) -> None:
    spec = ModelSpec(source=f"dir:{tiny_model}", dtype="bfloat16")
    plan, store = make_plan(tiny_study(Params(model=spec)), "only"), Store(tmp_path / "store")
    store.root.mkdir()
    (notice,) = gather(plan, store).notices
    assert notice.endswith(f"to measure it, type: offdiag doctor --model {spec.source} --dtype bfloat16")
    found = examined(store.root, spec)
    assert found["flips"].ok is None
    rate = found["flips"].detail.removeprefix("in bfloat16 ")
    (notice,) = gather(plan, store).notices
    assert notice.startswith(f"{spec.source} computes in bfloat16: {rate} (")


def test_a_model_that_cannot_be_loaded_is_a_finding(tmp_path: Path) -> None:
    found = examined(tmp_path / "store", ModelSpec(source=f"dir:{tmp_path / 'nowhere'}"))
    assert found["model"].ok is False
    assert "nowhere" in found["model"].detail


def test_a_rate_that_no_store_keeps_says_so(tmp_path: Path) -> None:
    rate = FlipRate(40, 2, 0, 0.05, (16384, 512))
    for root, said in ((tmp_path, False), (tmp_path / "none", True)):
        remedy = judged(BFLOAT16, rate, Store(root)).remedy
        assert ("no store at" in remedy) is said
        assert not (tmp_path / "none").exists()


def test_flips_and_gaps_are_judged_by_the_number_format() -> None:
    ours, flipped = Replies([(1, 2)], [-1.0]), Replies([(1, 3)], [-1.0])
    far = Replies([(1, 2)], [-1.01])
    assert compare("x", "y", FLOAT32, ours, ours).ok
    assert compare("x", "y", FLOAT32, ours, flipped).ok is False
    assert compare("x", "y", BFLOAT16, ours, flipped).ok is None
    assert compare("x", "y", FLOAT32, ours, far).ok is False
    assert compare("x", "y", BFLOAT16, ours, far).ok
    assert compare("x", "y", BFLOAT16, ours, Replies([(1, 2)], [float("nan")])).ok is False


def test_the_common_beginning_fills_a_block() -> None:
    assert len(HEAD.split()) > 60


def test_importing_is_light() -> None:
    code = "import sys, offdiag.doctor; print({'torch', 'transformers'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def _dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert child.pid != os.getpid()
    return child.pid
