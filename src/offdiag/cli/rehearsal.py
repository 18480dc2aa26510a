"""Show what a run would ask and teach, with the loss mask, before any model is loaded."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

from offdiag.cli.tables import say
from offdiag.errors import printable, some

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from offdiag.cost import Price
    from offdiag.matrix.data_sets import DataSet
    from offdiag.models import ModelSpec
    from offdiag.planning import Plan
    from offdiag.store import Store
    from offdiag.tasks import PromptStyle
    from offdiag.tasks.files import FilesDomain

SHOWN = 2  # prompts of each file


def rehearse(plan: "Plan", data: "Sequence[DataSet]", store: "Store", prices: "Mapping[str, Price]") -> None:
    """Print two prompts of each file as the first model sees them, and what the plan has to do and costs."""
    from offdiag.cli.commands.plan import show_plan
    from offdiag.tasks.files.task import Files

    spec = next(spec for step in plan.steps for spec in step.models())
    tokenizer = _tokenizer(spec)
    if tokenizer is None:
        say("", f"{spec.source} is not here yet, so prompts are shown without its chat template.")
    task = Files()
    for one in data:
        for split, n in (("train", one.n_train), ("eval", one.n_eval)):
            examples = task.examples(one.domain, split, min(n, SHOWN), 0) if n else ()
            for (style, rationale), example in product(_worded(plan, one.domain, split), examples):
                prompt = task.prompt(one.domain, example, style)
                reply = task.response(one.domain, example, rationale=rationale)
                what = "taught" if split == "train" else "asked"
                say("", f"{one.domain}, {what} ({task.place(one.domain, split, example)}):")
                _show(tokenizer, prompt, reply, task.response_prefix, taught=split == "train")
    say()
    show_plan(plan, store, prices)


def _worded(plan: "Plan", domain: "FilesDomain", split: str) -> "Iterable[tuple[PromptStyle, bool]]":
    """Return the words in which the plan asks a domain or teaches it, and whether with the worked solutions."""
    if split == "eval":
        asked = dict.fromkeys(c.evaluation.style for c in plan.design.cells if c.evaluation.domain == domain)
        return [(style, False) for style in asked]
    methods = dict.fromkeys(c.arm.method for c in plan.design.cells if c.arm.train == domain)
    taught: list[tuple[PromptStyle, bool]]
    taught = [(one.taught_style or "direct", bool(getattr(one, "rationale", False))) for one in methods]
    return list(dict.fromkeys(taught or [("direct", False)]))


def _show(tokenizer: "PreTrainedTokenizerBase | None", prompt: str, reply: str, prefix: str, *, taught: bool) -> None:
    """Print a prompt behind bars, and the reply behind arrows: what the loss sees, or what is right."""
    opened, said = prompt, reply
    if tokenizer is not None:
        from offdiag.models.chat import tokenise

        both = tokenise(tokenizer, prompt, reply, prefix)
        opened = str(tokenizer.decode(list(both.ids[: both.n_prompt])))
        said = str(tokenizer.decode(list(both.ids[both.n_prompt :]))) if taught else reply
        what = f"{some(both.n_prompt, 'token')} masked out, {len(both.ids) - both.n_prompt} that the loss sees"
        say(f"  {what}" if taught else f"  {some(both.n_prompt, 'token')}")
    say(*(f"  | {line}" for line in opened.split("\n")))
    say(*(f"  {'>' if taught else '='} {printable(line)}" for line in said.split("\n")))


def _tokenizer(spec: "ModelSpec") -> "PreTrainedTokenizerBase | None":
    """Return the tokenizer of a model, if that needs no download."""
    from offdiag.models.loading import load_tokenizer, wheel_tokenizer

    if spec.origin.release() is not None:
        return wheel_tokenizer(spec.origin.location)
    return load_tokenizer(spec, spec.location) if spec.origin.is_here() else None
