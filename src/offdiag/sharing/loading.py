"""Write Python code that loads a shared adapter elsewhere."""

from offdiag.sharing.adapter import Adapter


def loading_code(adapter: Adapter, repo: str) -> str:
    """Return lines of Python that load base model and adapter from ``repo`` with PEFT."""
    revision = f', revision="{adapter.spec.revision}"' if adapter.spec.revision else ""
    lines = [
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        *adapter.spec.origin.loading_code(),
        f"tokenizer = AutoTokenizer.from_pretrained(base{revision})",
        f'model = AutoModelForCausalLM.from_pretrained(base{revision}, dtype="{adapter.spec.dtype}")',
    ]
    for number in range(1, len(adapter.before) + 1):
        below = f'"{repo}", subfolder="before/{number}"'
        lines.append(f"model = PeftModel.from_pretrained(model, {below}).merge_and_unload()")
    return "\n".join([*lines, f'model = PeftModel.from_pretrained(model, "{repo}")'])
