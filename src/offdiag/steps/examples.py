"""The step that draws the examples of a domain."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from offdiag.columns import (
    CLUSTER,
    FACTORS,
    OPTIONS,
    RECORD_CONFIDENCE,
    RECORD_ERROR,
    RECORD_LOSS,
    RECORDS,
    SOME_FACTORS,
    TEXTS,
    names,
)
from offdiag.errors import StoreError, UserError
from offdiag.identity import Json, fingerprint
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.steps.jsonl import read_jsonl, write_jsonl
from offdiag.steps.step import Step, Work
from offdiag.steps.weights import Weights
from offdiag.strict_json import loads
from offdiag.tasks import Domain, Example, PromptStyle, get_task, graded
from offdiag.tasks.content import drawn_identity, hashes_rows, rows_hash, rows_of, worded_identity
from offdiag.tasks.data import once

# Columns that records have; a property of an example of that name would hide one.
_COLUMNS = (*FACTORS, *SOME_FACTORS, *RECORDS, *TEXTS, *OPTIONS, RECORD_CONFIDENCE, RECORD_ERROR, RECORD_LOSS, CLUSTER)
OF_RECORDS = frozenset({"item", *names(_COLUMNS)})


class Examples(Step):
    """The first ``n`` examples of a split of a domain, under a data seed."""

    kind: ClassVar[str] = "examples"
    domain: Domain
    split: str
    n: int = Field(ge=1)
    seed: int = 0

    @property
    def name(self) -> str:
        return f"{self.domain.task}.{self.domain.short}.{self.split}.n{self.n}.s{self.seed}"

    @property
    def inputs(self) -> tuple[Step, ...]:
        """Return none; a domain, which may be large, is not searched for steps."""
        return ()

    def canonical(self) -> dict[str, Json]:
        return {
            **super().canonical(),
            "task": self.domain.task,
            **drawn_identity(self.domain, self.split, self.n, self.seed),
        }

    def check(self) -> None:
        super().check()
        task = get_task(self.domain.task)
        task.check_data(self.domain, self.split)
        if hashes_rows(task):  # those of the tasks of offdiag are known
            self._check_strata()

    def _check_strata(self) -> None:
        """Check that no property of the first examples would hide a column of the records."""
        first = self.model_copy(update={"n": min(self.n, _OF_OURS)}).sample()
        strata = {name for example in first for name in example.strata}
        if hidden := sorted(strata & OF_RECORDS):
            raise UserError(
                f"{self.domain}: a property of its examples is called {hidden[0]!r}, as a column of all records is: "
                f"call it another name, such as item_{hidden[0]}"
            )

    def worded(self, style: PromptStyle | None = None, rationale: bool | None = None) -> dict[str, Json]:
        """Return what the identity of a step says of the wording of these examples.

        Args:
            style: of the questions, if they are asked. rationale: whether the replies that are taught give worked
                solutions; None where no reply is taught.
        """

        def word() -> dict[str, Json]:
            return worded_identity(self.domain, self.sample, style, rationale)

        return dict(once(word, "worded", type(get_task(self.domain.task)), self, style, rationale))

    def worded_as(self, examples: Sequence[Example], style: PromptStyle) -> dict[str, Json]:
        """Return what :meth:`worded` would say if these were the examples."""
        return worded_identity(self.domain, lambda: examples, style)

    def run(self, work: Work) -> dict[str, Json]:
        task = get_task(self.domain.task)
        examples = self.sample()
        planned = self.canonical_form.get("rows")
        if planned is not None and planned != {task.name: rows_hash(examples)}:
            raise UserError(
                f"{self.name}: the rows of {task.name} are others than when the run was planned: run again, or, if "
                "none was edited, let the seed alone decide them (and sort what comes out of a set)"
            )
        write_jsonl(work.folder / "examples.jsonl", [example.fields() for example in examples])
        keys = [task.key(self.domain, example) for example in examples]
        return {"n": len(examples), "unique": len(set(keys)), "sha256": fingerprint([e.id for e in examples])}

    def sample(self) -> list[Example]:
        """Draw the examples now, without the store.

        Raises:
            UserError: there are too few, two have the same id, or a field is no text.
        """
        return list(rows_of(self.domain, self.split, self.n, self.seed))


_OF_OURS = 8  # rows of a task of offdiag itself that are looked at before a run


def check_rows(
    weights: Weights,
    examples: Examples,
    style: PromptStyle,
    settings: ChatSettings = AS_THE_TEMPLATE,
    *,
    rationale: bool | None = None,
    choices: bool = False,
) -> None:
    """Check, without the store, that a model sees each question as it is, and each reply that it is given.

    All rows of others' data are looked at; of the tasks of offdiag itself, whose texts are known, the first ones.

    Args:
        weights: of the model. examples, style: the questions. settings: of the chat template.
        rationale: as for :meth:`Examples.worded`. choices: whether the replies are the choices.

    Raises:
        UserError: it does not; the message names the row.
    """
    domain, task = examples.domain, get_task(examples.domain.task)
    looked_at = examples.n if hashes_rows(task) else min(examples.n, _OF_OURS)

    def rows() -> Iterator[tuple[str, str, Sequence[str]]]:
        for example in examples.model_copy(update={"n": looked_at}).sample():
            taught = () if rationale is None else (task.response(domain, example, rationale=rationale),)
            replies = chosen_replies(domain, example) if choices else taught
            yield task.place(domain, examples.split, example), task.prompt(domain, example, style), replies

    of = f"{examples.fingerprint} {style} {rationale} {choices}"
    weights.check_texts(settings, task.reply_prefix(domain), rows, of)


def keys_of(examples: Examples) -> frozenset[str]:
    """Return the keys of examples, without the store: equal for two that ask the same."""
    return get_task(examples.domain.task).keys(examples.domain, examples.split, examples.n, examples.seed)


def chosen_replies(domain: Domain, example: Example) -> tuple[str, ...]:
    """Return the replies that are compared where the choices of an example are: they may have words around them."""
    task = get_task(domain.task)
    return tuple(task.chosen_reply(domain, example, choice) for choice in example.choices)


def check_choices(examples: Examples) -> None:
    """Check, without the store, that each of the examples can be answered by choice, see :func:`require_choices`.

    Examples whose task vets them as it reads them are not drawn: a large plan has a thousand draws of the same items.
    """
    if not get_task(examples.domain.task).vets_choices(examples.domain):
        _drawn_with_choices(examples, examples.fingerprint)


@lru_cache(maxsize=512)
def _drawn_with_choices(examples: Examples, fingerprint: str) -> None:
    """Check a set once however many learners answer it; the fingerprint tells apart data that changed."""
    require_choices(examples, examples.sample())


def require_choices(of: Examples, examples: Sequence[Example]) -> None:
    """Check that each example has two choices or more, all of them different, and that one of them is right.

    A task that vets its choices may have a wrong one twice, as three of the 1746 published items of MMLU have: the
    verdict is the same whichever of the two is taken.

    Raises:
        UserError: one has not; the message gives its id.
    """
    task = get_task(of.domain.task)
    vetted = task.vets_choices(of.domain)
    for example in examples:
        texts = [choice.strip() for choice in example.choices]
        twice = texts.count(example.target.strip()) > 1 if vetted else len(set(texts)) < len(texts)
        if len(texts) < 2 or not all(texts) or twice:
            wrong = "expected at least two, none of them empty and each once"
        elif example.target in example.choices or any(
            graded(task, of.domain, example, choice).correct for choice in example.choices
        ):
            continue
        else:
            wrong = f"but its target {example.target!r} is none of them, so that no choice would be right"
        raise UserError(
            f"{of.name}: example {example.id} has the choices {list(example.choices)}; {wrong}; mend the item, or let "
            "the model write its answer (answering='generation')"
        )


def load_examples(folder: Path) -> list[Example]:
    """Read the examples that a finished step wrote to its folder.

    Raises:
        StoreError: they are others, or fewer, than those of which the result beside them tells.
    """
    examples = [_example(record) for record in read_jsonl(folder / "examples.jsonl")]
    result = folder / "result.json"
    said = loads(result.read_text(encoding="utf-8"))["summary"] if result.exists() else {}
    if "sha256" in said and (len(examples), fingerprint([e.id for e in examples])) != (said["n"], said["sha256"]):
        raise StoreError(
            f"{folder} has {len(examples)} examples that are not the {said['n']} which were drawn: delete it and run "
            "again"
        )
    return examples


def _example(record: dict[str, Any]) -> Example:
    told = {name: tuple(record.get(name, ())) for name in ("choices", "references")}
    return Example(**{**record, **told})
