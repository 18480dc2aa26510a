"""Write the model card of a training: what was trained on what, its scores, how to load it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from offdiag.gather import gather
from offdiag.identity import Json
from offdiag.markup import visible
from offdiag.methods.fine_tuning import FineTuned
from offdiag.sharing.training import SharedTraining
from offdiag.stats.replicated import interval_words
from offdiag.steps import Weights, in_order
from offdiag.store import Store

SKIPPED = ("@", "version", "start", "world")  # of the identity: the start is told apart, a world by its name
LONGEST = 80


def model_card(training: SharedTraining, repo: str, store: Store) -> str:
    """Return the card (Markdown with YAML front matter) of a training that is to be at ``repo`` (``owner/name``).

    It names no licence: whose model was trained and with what is for a person to weigh.
    """
    what = "A fine-tuned copy" if training.whole else "An adapter (PEFT)"
    parts = [
        _front_matter(training),
        f"# {repo.rpartition('/')[2]}",
        f"{what} of {_source(training)}, trained in the study *{training.plan.study.title.rstrip('.')}* "
        f"(`offdiag run {training.plan.portable_command}`) with [offdiag](https://github.com/offdiag/offdiag). It is "
        "the outcome of one arm of a controlled experiment and made for looking at, not for use.",
        "## What was trained on what\n\n" + "\n".join(_facts(training)) + _example(training, store),
        "## What it scored\n\n" + _results(training, store),
        f"## How to load it\n\n```python\n{loading_code(training, repo)}\n```",
        f"## Licence\n\nNone is stated here. What follows from the licence of the base model, {_part_of(training)}, "
        "and from that of the training data is for whoever publishes this to say, as `license:` above.",
    ]
    return visible("\n\n".join(parts) + "\n")


def _part_of(training: SharedTraining) -> str:
    return "whose weights are here, changed" if training.whole else "which is not part of this repository"


def _front_matter(training: SharedTraining) -> str:
    from huggingface_hub import ModelCardData

    spec = training.spec
    base = spec.origin.hub_name
    kind, library = ("fine-tuned", "transformers") if training.whole else ("lora", "peft")
    tags = ["offdiag", kind, training.plan.study.name]
    return f"---\n{ModelCardData(library_name=library, base_model=base, tags=tags).to_yaml()}\n---"


def _source(training: SharedTraining) -> str:
    """Return the base model, without a path of this machine."""
    return training.spec.origin.described


def _facts(training: SharedTraining) -> Iterator[str]:
    spec, identity = training.spec, training.step.canonical()
    yield "| | |\n|---|---|"
    yield f"| training | `{training.step.name}` |"
    yield f"| identity (SHA-256) | `{training.step.fingerprint}` |"
    yield f"| study, scale | {training.plan.study.name}, {training.plan.scale} |"
    at = f" at revision {spec.revision}" if spec.revision else ""
    rounded = "" if spec.quantization == "none" else f", {spec.quantization}"
    yield f"| base model | {_source(training)}{at}, {spec.dtype}{rounded} |"
    for number, (stage, _) in enumerate(training.before, start=1):
        yield f"| merged into it before | `before/{number}`: `{stage.name}`, `{stage.fingerprint}` |"
    for name, value in _flat(identity):
        yield f"| {name} | {value} |"
    yield "\nThe whole identity is in `identity.json`."


def _flat(identity: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return the fields that fit a line, by their dotted names."""
    for name, value in identity.items():
        if isinstance(value, dict) and name not in SKIPPED:
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, dict) and name == "world":
            yield f"{prefix}{name}", str(value.get("name"))
        elif name not in SKIPPED and not isinstance(value, dict):
            text = value if isinstance(value, str) else json.dumps(value)
            if len(text) <= LONGEST:
                yield f"{prefix}{name}", text


def _example(training: SharedTraining, store: Store) -> str:
    """Return one of the conversations that were trained on."""
    step = training.step
    if not isinstance(step, FineTuned) or store.result(step.examples) is None:
        return ""
    prompt, response = step.conversations(store.folder(step.examples))[0]
    quoted = "\n".join(f"> {line}" for line in f"**user:** {prompt}\n\n**assistant:** {response}".splitlines())
    return f"\n\nOne of the conversations, in the chat template of the base model:\n\n{quoted}"


def _results(training: SharedTraining, store: Store) -> str:
    """Return the finished cells of the study that its model answered."""
    plan = training.plan
    own = {c: grades for c, grades in plan.cells.items() if _answers(grades.answers.weights, training)}
    done = gather(replace(plan, cells=own, measurements=(), steps=in_order(list(own.values()))), store).cells
    done = done[done["state"] == "done"]
    if done.empty:
        return "No evaluation of it is finished."
    called, made = interval_words()
    lines = [f"| asked | how | items | accuracy | {called} | not parsed |", "|---|---|---|---|---|---|"]
    for row in done.to_dict("records"):
        interval = f"{100 * row['ci_low']:.1f} to {100 * row['ci_high']:.1f} %"
        way = "choice" if row.get("answering") == "choice" else "generation"
        lines.append(
            f"| {row['eval']} ({row['split']}) | {row['prompt']}, {way} | {row['n']} | {100 * row['accuracy']:.1f} % "
            f"| {interval} | {row['n_unparsed']} |"
        )
    return "\n".join(lines) + f"\n\nIntervals ({made}) are for one training under one seed."


def _answers(weights: Weights, training: SharedTraining) -> bool:
    return weights.trained is not None and weights.trained.fingerprint == training.step.fingerprint


def identity_file(training: SharedTraining) -> dict[str, Any]:
    """Return the content of ``identity.json``: name, hash and the canonical identity, without any path."""
    step = training.step
    return {"name": step.name, "fingerprint": step.fingerprint, "identity": step.canonical()}


def loading_code(training: SharedTraining, repo: str) -> str:
    """Return lines of Python that load a whole model from ``repo``, or base model and adapter with PEFT."""
    if training.whole:
        return "\n".join([
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            f'tokenizer = AutoTokenizer.from_pretrained("{repo}")',
            f'model = AutoModelForCausalLM.from_pretrained("{repo}", dtype="{training.spec.dtype}")',
        ])  # fmt: skip
    revision = f', revision="{training.spec.revision}"' if training.spec.revision else ""
    lines = [
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        *training.spec.origin.loading_code(),
        f"tokenizer = AutoTokenizer.from_pretrained(base{revision})",
        f'model = AutoModelForCausalLM.from_pretrained(base{revision}, dtype="{training.spec.dtype}")',
    ]
    for number in range(1, len(training.before) + 1):
        below = f'"{repo}", subfolder="before/{number}"'
        lines.append(f"model = PeftModel.from_pretrained(model, {below}).merge_and_unload()")
    return "\n".join([*lines, f'model = PeftModel.from_pretrained(model, "{repo}")'])
