import os

# Before torch loads: idle threads sleep, as they do in a run, and tests that run side by side have one core each.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from offdiag.python_files import forget_files
from offdiag.tasks.data import ENV
from support.tiny import make_tiny_model

SAID = os.environ.get(ENV, "")
RELEASES = Path(SAID) if SAID else Path(__file__).resolve().parents[2] / "shared" / "data"

# How long an example takes says nothing where tests share the cores.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


# Marked tests that take minutes run only where their mark is asked for: pytest -m sweep.
SLOW = {"sweep", "servers", "campaign", "wheel", "ray", "tutorial", "outputs", "paper"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked = config.getoption("markexpr")
    for item in items:
        for mark in SLOW & {mark.name for mark in item.iter_markers()}:
            if mark not in asked:
                item.add_marker(pytest.mark.skip(reason=f"takes minutes: pytest -m {mark}"))


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins in a process that nobody has told where data lie, and leaves it so."""
    monkeypatch.setenv(ENV, "")


@pytest.fixture(autouse=True)
def no_study_files() -> Iterator[None]:
    """Every test leaves a process that has loaded no study file."""
    yield
    forget_files()


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the four real data sets, which the process is told."""
    if not (RELEASES / "arc").is_dir():
        pytest.skip(f"no official releases in {RELEASES}: set {ENV} to the folder that has arc/ and the others")
    monkeypatch.setenv(ENV, str(RELEASES))
    return RELEASES


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model with a tokenizer."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def blocks_of_64(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny random model whose widths are multiples of 64, as bitsandbytes wants them on a CPU."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "wide", hidden_size=64, intermediate_size=128)


@pytest.fixture
def model_stub(tmp_path: Path) -> Path:
    """A folder that passes for a model as long as nobody loads it; enough for plans and stores."""
    folder = tmp_path / "models" / "stub"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"quantization_config": {}}')  # what its integers stand for, nobody asks
    (folder / "tokenizer.json").write_text("{}")
    header = b'{"weight":{"dtype":"U8","shape":[64],"data_offsets":[0,64]}}'
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(range(64)))
    return folder


@pytest.fixture(params=["it's", 'say "hi"', "two  words", "naïve 模型 🙂", "back\\slash", "at@home [x]*", "-k"])
def weird_tmp_path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with a name that breaks careless code."""
    folder = tmp_path / request.param
    folder.mkdir()
    return folder
