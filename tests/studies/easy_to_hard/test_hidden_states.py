"""Hidden states of a tiny random model, kept, written to a file, and read by whoever wants them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.lm import LM
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.steps import HiddenStates
from offdiag.studies.easy_to_hard.hidden_states import PAPER, HiddenStatesParams
from offdiag.study_files import load_study
from offdiag.tasks import get_task
from support import documented
from support.small_items import small_items

RUNTIME = Runtime(device="cpu", threads=1)


@pytest.fixture(scope="module")
def plan(tiny_model):
    with small_items(per_steps=24, held_out=120):
        params = HiddenStatesParams(models=(f"dir:{tiny_model}",), datasets=("synthetic",))
        yield make_plan(replace(load_study("hidden-states"), scales={"micro": params}), "micro")


@pytest.fixture(scope="module")
def store(plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hidden states") / "store"
    assert offdiag.run(plan, store=folder, runtime=RUNTIME).complete
    return folder


@pytest.fixture
def written(plan, store, tmp_path):
    return offdiag.export(plan, to=tmp_path / "out", store=store)[0].path


def loaded(path):
    """As the page says, in three lines."""
    block = next(
        b for b in re.findall(r"```python\n(.*?)```", documented.page("easy-to-hard"), re.S) if "safe_open" in b
    )
    lines = [line for line in block.splitlines() if line.strip()]
    assert len(lines) == 3
    names: dict[str, object] = {}
    exec(block.replace(re.search(r'"([^"]+\.safetensors)"', block)[1], str(path)), names)
    return names["states"], names["about"]


def test_the_file_has_the_states_of_every_choice(plan, written, tiny_model):
    states, about = loaded(written)
    domain = plan.measurements[0].states.examples.domain
    examples = get_task("easy_to_hard").examples(domain, "eval", 24, 0)
    assert json.loads(about["items"]) == [example.id for example in examples]
    assert (states.shape, states.dtype) == ((24, 4, 2, 32), np.float16)
    lm = LM.load(ModelSpec(source=f"dir:{tiny_model}"), tiny_model, RUNTIME, shared_prefix=False)
    assert json.loads(about["blocks"]) == [2, 2]  # ceil((2 + 1) / 2), and the last of two
    for i in (0, 11, 23):
        prompt = get_task("easy_to_hard").prompt(domain, examples[i], "direct")
        own = lm.choice_states([prompt], [examples[i].choices], [2, 2])[0]
        np.testing.assert_allclose(states[i].astype(np.float32), own, atol=5e-3)


def test_the_file_says_what_it_is(plan, written, tiny_model):
    about = loaded(written)[1]
    assert written.name == f"synthetic-{Path(tiny_model).name}.safetensors"
    assert about["model"] == f"dir:{Path(tiny_model).name}"  # where it lies on this machine is nobody's business
    assert (about["revision"], about["dtype"], about["quantization"]) == ("", "float32", "none")
    assert (about["dataset"], about["prompt"], about["style"]) == ("synthetic", "0040", "direct")
    assert json.loads(about["layers"]) == ["middle", "last"]
    assert about["fingerprint"] == plan.measurements[0].states.fingerprint
    assert not list(written.parent.glob("*.part"))


def test_sizes_are_those_of_the_states(plan, store, written):
    states = loaded(written)[0].astype(np.float64)
    rows = plan.design.analyses[0].table(offdiag.load(plan, store=store)).set_index("layer")
    assert rows.loc["last", ["items", "choices", "width", "block"]].tolist() == [24, 4, 32, 2]
    norms = np.linalg.norm(states[:, :, 1], axis=-1)
    assert rows.loc["last", ["norm", "norm_sd"]].tolist() == pytest.approx([norms.mean(), norms.std()], rel=1e-3)
    assert rows.loc["last", "largest"] == pytest.approx(np.abs(states[:, :, 1]).max())


def test_probes_of_the_other_study_read_a_part_of_the_same_states(plan, tiny_model):
    sets = {"models": f"dir:{tiny_model}", "methods": "linear-probe", "hardness": "none", "sizes": 4, "n_test": 8}
    with small_items(per_steps=60, held_out=120):
        other = offdiag.plan("easy-to-hard", **sets)
        mine = make_plan(plan.study, "micro")
        (part,) = [step for step in other.steps if isinstance(step, HiddenStates)]
        (whole,) = [step for step in mine.steps if isinstance(step, HiddenStates)]
        assert part.needed
        assert part.of_all.fingerprint == whole.fingerprint != part.fingerprint


def test_what_is_not_encoded_is_not_written(plan, tmp_path):
    (file,) = offdiag.export(plan, to=tmp_path / "out", store=tmp_path / "empty")
    assert file.path is None
    assert file.about.endswith("not encoded yet")
    assert not (tmp_path / "out").exists()


def test_the_paper_scale_has_ten_models():
    names = [model.short_name for model in PAPER.models]
    assert len(names) == len(set(names)) == 10
    assert {model.quantization for model in PAPER.models if "70b" in model.short_name} == {"nf4"}


@pytest.mark.parametrize(
    ("sets", "complaint"),
    [
        ({"datasets": "gsm8k"}, "gsm8k has no choices, and the states are those of choices"),
        ({"datasets": "trivia"}, "unknown data set 'trivia'"),
        ({"models": "hub:a/b,hub:c/b"}, "models: a value stands there twice"),
    ],
)
def test_mistakes_are_refused_in_one_line(sets, complaint):
    with pytest.raises(UserError, match=complaint):
        make_plan(load_study("hidden-states"), "quick", sets)
