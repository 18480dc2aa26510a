"""``offdiag show``: print a prompt, a training conversation and answers of a step."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from offdiag.cli.options import AsJson, CellName, StoreFolder, TrustedFiles
from offdiag.cli.tables import say, show_json
from offdiag.errors import some

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from offdiag.methods.fine_tuning import FineTuned
    from offdiag.steps import ModelOutputs, Step, Weights
    from offdiag.store import Store


# Tokens that are shown before a boundary; the text has them all.
SHOWN = 8


class Mask(NamedTuple):
    """A training conversation: what is masked out, and what the loss sees, as text, tokens and their counts."""

    masked: str
    learnt: str
    n_masked: int
    n_learnt: int
    masked_tokens: list[str]
    learnt_tokens: list[str]


class Opened(NamedTuple):
    """A prompt as the model sees it: its text, its tokens, and the tokens by which each of its choices is scored."""

    text: str
    tokens: list[str]
    spans: list[list[str]]


def show(
    cell: CellName,
    n: Annotated[int, typer.Option("--n", min=0, metavar="N", help="How many records.")] = 3,
    files: TrustedFiles = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show a prompt as the model sees it, the loss mask, and records.

    A cell of a study file is shown with --study my_study.py: what a store names is not run.
    """
    from offdiag.api import open_store
    from offdiag.inspection import find_planned

    place = open_store(store)
    folder, step = find_planned(place, cell, files or ())
    found = _found(place, folder, step, n)
    if as_json:
        show_json({**found, "identity": step.canonical()})
    else:
        _print(found)


def _found(store: "Store", folder: Path, step: "Step", n: int) -> dict[str, Any]:
    """Collect a step's summary, its first ``n`` records, a prompt and a training conversation."""
    from offdiag.methods.fine_tuning import FineTuned
    from offdiag.steps import ModelOutputs, load_records

    result = store.result(step, "reading")
    found: dict[str, Any] = {
        "step": f"{step.kind}/{folder.name}",
        "state": str(store.state(step, care="reading")),
        "summary": {} if result is None else result["summary"],
        "taken": [],
        "rendered": None,
        "tokens": None,
        "spans": None,
        "mask": None,
        "records": load_records(folder)[:n] if result is not None and (folder / "records.jsonl").exists() else [],
        "rows": _rows(folder, n) if result is not None else [],
    }
    needed = step.walk()
    tuned = next((s for s in needed if isinstance(s, FineTuned)), None)
    if tuned is not None and _has(store, tuned.start) and store.result(tuned.examples, "reading") is not None:
        found["mask"] = _mask(store, tuned)._asdict()
    asked = next((s for s in needed if isinstance(s, ModelOutputs)), None)
    if asked is not None:
        found["taken"] = store.provenance(asked).get("taken", [])
    if asked is not None and found["records"] and _has(store, asked.weights):
        found["rendered"], found["tokens"], found["spans"] = _opened(store, asked, found["records"][0]["prompt"])
    return found


def _rows(folder: Path, n: int) -> list[dict[str, Any]]:
    """Return the first rows of a step that is no cell: answers, or examples."""
    from offdiag.steps.jsonl import each_of_jsonl

    files = [folder / name for name in ("answers.jsonl", "examples.jsonl")]
    return [row for path in files if path.exists() for row in islice(each_of_jsonl(path), n)]


def _has(store: "Store", weights: "Weights") -> bool:
    """Return whether the tokenizer can be loaded without a download."""
    if weights.converted is not None:
        return store.result(weights.converted, "reading") is not None
    return weights.spec.origin.is_here()


def _location(store: "Store", weights: "Weights") -> Path:
    return store.folder(weights.converted) if weights.converted is not None else weights.spec.origin.folder()


def _opened(store: "Store", asked: "ModelOutputs", prompt: str) -> Opened:
    from offdiag.models.chat import chat_of
    from offdiag.models.loading import load_tokenizer
    from offdiag.steps import LoglikelihoodChoices, load_examples
    from offdiag.steps.examples import chosen_replies

    weights = asked.weights
    tokenizer = load_tokenizer(weights.spec, _location(store, weights))
    chat = chat_of(tokenizer, asked.response_prefix, asked.chat)
    text, ids = chat.turn.opened(prompt), chat.asked(prompt)
    if not isinstance(asked, LoglikelihoodChoices) or store.result(asked.examples, "reading") is None:
        return Opened(text, _tokens(tokenizer, list(ids)), [])
    first = load_examples(store.folder(asked.examples))[0]
    rows = chat.compared(prompt, chosen_replies(asked.examples.domain, first))
    start = rows[0].n_prompt
    spans = [_tokens(tokenizer, list(row.ids[start:])) for row in rows]
    return Opened(text, _tokens(tokenizer, list(rows[0].ids[:start])), spans)


def _mask(store: "Store", tuned: "FineTuned") -> Mask:
    from offdiag.models.chat import tokenise
    from offdiag.models.loading import load_tokenizer

    tokenizer = load_tokenizer(tuned.start.spec, _location(store, tuned.start))
    prompt, response = tuned.conversations(store.folder(tuned.examples))[0]
    both = tokenise(tokenizer, prompt, response, tuned.response_prefix, tuned.chat)
    masked, learnt = list(both.ids[: both.n_prompt]), list(both.ids[both.n_prompt :])
    texts = str(tokenizer.decode(masked)), str(tokenizer.decode(learnt))
    return Mask(*texts, len(masked), len(learnt), _tokens(tokenizer, masked), _tokens(tokenizer, learnt))


def _tokens(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> list[str]:
    """Return the text of each token, or its name in the vocabulary where it is a part of a character."""
    names = tokenizer.convert_ids_to_tokens(ids)
    texts = []
    for i, name in enumerate(names):
        # Behind another token, as many tokenizers leave out the blank of a token that begins a text.
        before = str(tokenizer.decode(ids[max(i - 1, 0) : i]))
        text = str(tokenizer.decode(ids[max(i - 1, 0) : i + 1])).removeprefix(before)
        texts.append(name if "\N{REPLACEMENT CHARACTER}" in text else text)
    return texts


def _print(found: dict[str, Any]) -> None:
    from offdiag.reporting.records import spoken, verdict_of

    said = [f"  {name}: {value}" for name, value in found["summary"].items()]
    said += [
        f"  {some(source['items'], 'answer is that', 'answers are those')} of {source['from']}"
        for source in found["taken"]
    ]
    say(f"{found['step']} ({found['state']})", *said)
    if (mask := found["mask"]) is not None:
        say("", f"A training conversation: {some(mask['n_masked'], 'token')} masked out", *_quoted(mask["masked"]))
        say(f"and {some(mask['n_learnt'], 'token')} that the loss sees", *_quoted(mask["learnt"]))
        say("The tokens about their boundary", _bounded(mask["masked_tokens"], mask["learnt_tokens"]))
    if found["rendered"] is not None:
        say("", "The first prompt, as the model sees it", *_quoted(found["rendered"]))
        say("The tokens by which its choices are scored" if found["spans"] else "Its last tokens")
        say(*(_bounded(found["tokens"], span) for span in found["spans"] or [[]]))
    for record in found["records"]:
        verdict = record["status"] if record["status"] != "parsed" else verdict_of(record)
        flags = f" ({', '.join(record['flags'])})" if record["flags"] else ""
        found_it = "no answer found" if record["parsed"] is None else f"answer {record['parsed']}"
        say("", f"{record['example']}: {verdict}{flags}, {found_it}, target {record['target']}")
        say(*_quoted(spoken(record)))
    for row in found["rows"]:
        target = "" if "target" not in row else f"target {row['target']}"
        say("", f"{row.get('example', row.get('id'))}: {target or row['finish']}")
        say(*_quoted(str(row["problem"] if target else row["completion"])))


def _quoted(text: str) -> list[str]:
    """Return each line behind a bar."""
    return [f"  | {line}" for line in text.split("\n")]


def _bounded(before: Sequence[str], behind: Sequence[str]) -> str:
    """Return tokens in quotes with a double bar at their boundary, the last few before it and all behind it."""
    cut = ["…"] if len(before) > SHOWN else []
    shown = [*cut, *map(repr, before[-SHOWN:]), "‖", *map(repr, behind)]
    return f"  | {' '.join(shown)}"
