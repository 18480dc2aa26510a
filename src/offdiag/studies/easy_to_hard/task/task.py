"""The task easy_to_hard: four published data sets and a built-in one, cut into levels of hardness."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.seeds import stream
from offdiag.studies.easy_to_hard.task import library
from offdiag.studies.easy_to_hard.task.domain import HardnessDomain
from offdiag.studies.easy_to_hard.task.draws import (
    examples_of,
    offered,
    pool_of,
    tested_of,
    tests_near_copies,
    train_of,
)
from offdiag.studies.easy_to_hard.task.items import item_key
from offdiag.studies.easy_to_hard.task.prompts import PROMPT_VERSION
from offdiag.studies.easy_to_hard.task.sources.chains import LONGEST_VARIED, ChainStream
from offdiag.studies.easy_to_hard.task.splits import Indices, permutation
from offdiag.studies.easy_to_hard.task.summary import summary
from offdiag.tasks.domain import Domain
from offdiag.tasks.extraction import (
    EXTRACTION_VERSION,
    YES_NO,
    Choices,
    Extraction,
    canonical_number,
    choice_answer,
    number_answer,
)
from offdiag.tasks.stream import Loss, StreamPart
from offdiag.tasks.task import Example, Grade, PromptStyle, Task

DATA_VERSION = 1
_YES_OR_NO = Choices(YES_NO, letters=False, synonyms=(("true", "yes"), ("false", "no")))


class EasyToHard(Task[HardnessDomain]):
    """Questions that are easy, medium or hard by a measure that you choose.

    Train on one level, test on another.

    Hase et al. (2024), "The Unreasonable Effectiveness of Easy Training Data for Hard Tasks", arXiv 2401.06751.
    Data sets other than the built-in one are read from where :mod:`offdiag.tasks.data` says.
    """

    name: ClassVar[str] = "easy_to_hard"
    domain_type: ClassVar[type[Domain]] = HardnessDomain
    data_version: ClassVar[int] = DATA_VERSION
    prompt_version: ClassVar[int] = PROMPT_VERSION
    extractor_version: ClassVar[int] = EXTRACTION_VERSION
    preamble: ClassVar[str] = ""
    separator: ClassVar[str] = "\n\n"
    response_prefix: ClassVar[str] = " "
    reads_data: ClassVar[bool] = True

    def domains(self) -> Sequence[HardnessDomain]:
        """Return levels of the built-in data set in both forms; other domains are named by their parameters."""
        easy = {"hardness": "num_steps", "level": "easy"}
        hard = {"hardness": "num_steps", "level": "hard", "train_on": "easy"}
        return [
            HardnessDomain.model_validate({"form": form, **f}) for form in ("choices", "free") for f in (easy, hard)
        ]

    def summary(self, domain: HardnessDomain) -> dict[str, Json]:
        """Return items, levels and cut-offs of each measure, and rank correlations, over the domain's pool."""
        overridden = {domain.hardness: (domain.easy_max, domain.hard_min)}
        return summary(library.dataset(domain.dataset), domain.pool, overridden)

    def size(self, domain: HardnessDomain, split: str) -> int:
        """Return the number of items that the domain's split leaves to train on, or to test, with data seed 0.

        Copies of training items are not tested, so in a data set with copies another seed may leave a few more or
        fewer: vary ``bootstrap`` instead, which is part of the domain.
        """
        self.check_split(split)
        return len(_chosen(domain, split, 0))

    def examples(self, domain: HardnessDomain, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` items of a split; one seed gives the same split to every method.

        Raises:
            UserError: the split is unknown or has fewer than ``n`` items, a stratum is too small, or the data set is
                not where it should be or not as released.
        """
        return examples_of(domain, self._first(domain, split, n, seed))

    def redrawn(self, domain: HardnessDomain, split: str, seed: int) -> dict[str, Json]:
        """Say of test items that they leave out near copies of training items, where data version 1 had some of them.

        Raises:
            UserError: as for :meth:`examples`.
        """
        return {"near_copies": "left out"} if split != "train" and tests_near_copies(domain, seed) else {}

    def keys(self, domain: HardnessDomain, split: str, n: int, seed: int) -> frozenset[str]:
        """Return the keys of the first ``n`` items of a split, without making examples of them."""
        keys = pool_of(domain).keys
        return frozenset([keys[i] for i in self._first(domain, split, n, seed).tolist()])

    def vets_choices(self, domain: HardnessDomain) -> bool:
        """Whether the items have choices; each source checks them as it reads them."""
        return domain.form == "choices"

    def demonstrations(self, domain: HardnessDomain, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` of the domain's training items in an order of the query's own; a smaller ``k`` gives the first.

        Raises:
            UserError: the training set has fewer than ``k`` items beside the query.
        """
        train, keys, asked = train_of(domain, seed), pool_of(domain).keys, self.key(domain, query)
        order = permutation(stream(seed, self.name, str(domain), "demonstrations", query.id), len(train))
        indices = [i for i in train[order].tolist() if keys[i] != asked][:k]
        if len(indices) < k:
            raise UserError(
                f"{self.name} {domain}: {k} demonstrations asked for, but {len(indices)} items are there to train on; "
                f"ask for k={len(indices)} or fewer, or set a larger n_train"
            )
        return examples_of(domain, indices)

    def prompt(self, domain: HardnessDomain, example: Example, style: PromptStyle) -> str:
        """Return the prompt for an item; step-by-step leaves the reply open for reasoning."""
        reasoned = style == "step-by-step"
        template = domain.template(reasoned=reasoned)
        return template.prompt(template.query(example.problem, offered(domain, example), reasoned=reasoned))

    def stops(self, domain: HardnessDomain, style: PromptStyle) -> tuple[str, ...]:
        """Return how a further question begins: models without a chat template write on, as their examples do."""
        return tuple(filter(None, [domain.template(reasoned=style == "step-by-step").next_question]))

    def response(self, domain: HardnessDomain, example: Example, *, rationale: bool) -> str:
        """Return the answer, after the reasoning and "So the answer is" where the item has a rationale."""
        reasoning = example.rationale if rationale else None
        template = domain.template(reasoned=reasoning is not None)
        return template.continuation(example.target, reasoning).strip()

    def grade(self, domain: HardnessDomain, example: Example, completion: str) -> Grade:
        """Grade a completion: right if its choice, number, or yes or no is the target; numbers are compared by value.

        Flags are those of :func:`number_answer` and :func:`choice_answer`, such as ``no-trigger`` (found without "the
        answer is") and ``runaway`` (goes on to ask another question).
        """
        answer, flags = _extract(domain, example, completion)
        if answer is not None and not example.choices and answer == canonical_number(example.target):
            answer = example.target  # "1080" for "1,080"
        status: Literal["parsed", "unparsed"] = "unparsed" if answer is None else "parsed"
        return Grade(parsed=answer, status=status, correct=answer == example.target, flags=flags)

    def parse_problem(self, domain: HardnessDomain, problem: str) -> Example:
        """Return the item of the domain's pool that asks ``problem``, or that has this id.

        Raises:
            UserError: no item does, or several do (with other choices).
        """
        pool = pool_of(domain)
        items, keys = pool.items, pool.keys
        asking = [i for i, item in enumerate(items) if problem in (item.question, item.id)]
        if len({keys[i] for i in asking}) != 1:
            ids = ", ".join(items[i].id for i in asking[:4])
            found = (
                f"{len(asking)} items of {domain.dataset} ask this ({ids})" if asking else f"not in {domain.dataset}"
            )
            raise UserError(f"problem {problem[:60]!r}: {found}; give a question of the data set, or an item's id")
        return examples_of(domain, asking[:1])[0]

    def stream(self, parts: Sequence[StreamPart], *, loss: Loss, data_seed: int) -> ChainStream:
        """Return training batches of solved chains; the other data sets are too small to learn from nothing.

        Raises:
            UserError: a part is of another data set, or names rows: every row is drawn anew.
        """
        for part in parts:
            if not isinstance(part.domain, HardnessDomain) or not of_chains(part.domain) or part.rows is not None:
                raise UserError(f"pre-training on {part.domain}: expected dataset=chains, all of it, without rows")
        varied = any(isinstance(part.domain, HardnessDomain) and part.domain.dataset != "chains" for part in parts)
        return ChainStream(longest=LONGEST_VARIED) if varied else ChainStream()

    def key(self, domain: HardnessDomain, example: Example) -> str:
        """Return the question (with its choices, where they belong to it), whatever its id."""
        return item_key(domain.spec, example.problem, offered(domain, example))

    def _first(self, domain: HardnessDomain, split: str, n: int, seed: int) -> Indices:
        """Return the places in the pool of the first ``n`` items of a split."""
        self.check_split(split)
        chosen = _chosen(domain, split, seed)
        if not 0 <= n <= len(chosen):
            raise UserError(
                f"{self.name} {domain}: {n} examples of split {split!r} asked for, but it has {len(chosen)}; ask for "
                f"{len(chosen)} or fewer{', or set a larger n_train' if split == 'train' else ''}"
            )
        return chosen[:n]


def of_chains(domain: HardnessDomain) -> bool:
    """Return whether the items are chains, of which a model can be pre-trained on as many as are wanted."""
    return domain.dataset in ("chains", "varied_chains")


def _extract(domain: HardnessDomain, example: Example, completion: str) -> Extraction:
    """Return the answer of a completion: a choice where the item has some, else a number, or yes or no."""
    if domain.labels == "letters":
        return _letter(example.choices, offered(domain, example), completion)
    if domain.spec.answers == "yes-no":
        return choice_answer(completion, _YES_OR_NO)
    if example.choices:
        return choice_answer(completion, Choices(example.choices))
    return number_answer(completion)


def _letter(named: tuple[str, ...], texts: tuple[str, ...], completion: str) -> Extraction:
    """Return the letter that a completion is, or that of the choice that it names or writes out."""
    if completion.strip() in named:
        return Extraction(completion.strip(), ())
    found = choice_answer(completion, Choices(texts))
    return found if found.answer is None else found._replace(answer=named[texts.index(found.answer)])


def _chosen(domain: HardnessDomain, split: str, seed: int) -> Indices:
    return train_of(domain, seed) if split == "train" else tested_of(domain, seed)
