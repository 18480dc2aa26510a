"""Counting on as a task: the number after ``17`` in base 8, graded by its digits."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import ClassVar, Literal

from pydantic import Field

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.base_addition.counting import numbers, unboxed
from offdiag.studies.base_addition.counting.wording import PROMPT_VERSION, counted, question, successor
from offdiag.studies.base_addition.task import numerals
from offdiag.studies.base_addition.task.boxes import find_boxes
from offdiag.studies.base_addition.task.extract import EXTRACTOR_VERSION as BOX_VERSION
from offdiag.studies.base_addition.task.extract import extract
from offdiag.studies.base_addition.task.rationale import boxed
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example, Grade, PromptStyle, Task

_NUMBER = re.compile(r"[0-9A-Za-z]+")
_MOST_DIGITS = 20


class CountingDomain(Domain):
    """The numbers of ``base`` (2 to 36)."""

    tag: ClassVar[str] = "counting"
    task: ClassVar[str] = "counting"
    base: int = Field(ge=numerals.MIN_BASE, le=numerals.MAX_BASE)


class Counting(Task[CountingDomain]):
    """The number that follows, in an unusual base: whether a model knows the numerals that additions are made of.

    Wu et al. (2024), "Reasoning or Reciting?", arXiv 2307.02477: their control for arithmetic. Half of the numbers
    roll over. It is cheap, so it also tells what a fine-tuning has made a model forget.
    """

    name: ClassVar[str] = "counting"
    domain_type: ClassVar[type[Domain]] = CountingDomain
    data_version: ClassVar[int] = numbers.DATA_VERSION
    prompt_version: ClassVar[int] = PROMPT_VERSION
    # moves with either of its two parts
    extractor_version: ClassVar[int] = 1000 * BOX_VERSION + unboxed.EXTRACTOR_VERSION

    def domains(self) -> Sequence[CountingDomain]:
        """Bases 8, 9, 10, 11 and 16."""
        return [CountingDomain(base=base) for base in (8, 9, 10, 11, 16)]

    def size(self, domain: CountingDomain, split: str) -> int:
        """200 for ``eval``, 1800 for ``train``."""
        self.check_split(split)
        return numbers.EVAL_SIZE if split == "eval" else numbers.TRAIN_SIZE

    def examples(self, domain: CountingDomain, split: str, n: int, seed: int) -> list[Example]:
        """The first ``n`` examples of a split.

        ``eval`` is the published set of 200 numbers, so ``seed`` does not change it. ``train`` is drawn without
        replacement from numbers that are not in it, and every second one rolls over.

        Raises:
            UserError: the split is unknown, or has fewer than ``n`` examples.
        """
        self.check_available(domain, split, n)
        if split == "eval":
            return [_example(f"eval/{x}", x, domain.base) for x in numbers.evaluation_set(domain.base)[:n]]
        rng = stream(seed, self.name, str(domain), "train")
        return [_example(f"train/{x}", x, domain.base) for x in islice(numbers.training_numbers(domain.base, rng), n)]

    def demonstrations(self, domain: CountingDomain, query: Example, k: int, seed: int) -> list[Example]:
        """``k`` training numbers of ``domain`` for this query, which is not among them.

        The draw depends on the seed and the query's id; a smaller ``k`` gives the first of them.

        Raises:
            UserError: the domain has fewer than ``k`` such numbers.
        """
        rng = stream(seed, self.name, str(domain), "demonstrations", query.id)
        others = (x for x in numbers.training_numbers(domain.base, rng) if x != query.problem)
        chosen = [_example(f"train/{x}", x, domain.base) for x in islice(others, k)]
        if len(chosen) < k:
            raise UserError(
                f"{self.name} {domain}: {k} demonstrations asked for, but it has {len(chosen)}; "
                f"ask for k={len(chosen)} or fewer"
            )
        return chosen

    def prompt(self, domain: CountingDomain, example: Example, style: PromptStyle) -> str:
        """One paragraph that asks for the next number in a box."""
        return question(example.problem, domain.base, style)

    def response(self, domain: CountingDomain, example: Example, *, rationale: bool) -> str:
        r"""A few numbers counted up to the given one, then the box; or ``\boxed{next}`` alone."""
        return example.rationale if rationale and example.rationale is not None else boxed(example.target)

    def grade(self, domain: CountingDomain, example: Example, completion: str) -> Grade:
        """Right if the extracted digits are those of the next number; leading zeros are not forgiven.

        The answer is that of the box, as in base addition; a completion without any box is read by what stands at its
        end, or else by its last numeral, and has the flag ``unboxed`` so that it can be told apart. Other flags:
        ``unterminated`` (the box was never closed), ``leading-zero``, ``foreign-digit`` (a symbol that the base does
        not have).
        """
        answer, flags = extract(completion, domain.base)
        if not find_boxes(completion):
            answer = answer or unboxed.last_numeral(completion)
            flags = (*flags, "unboxed") if answer is not None else flags
        status: Literal["parsed", "unparsed"] = "unparsed" if answer is None else "parsed"
        return Grade(parsed=answer, status=status, correct=answer == example.target, flags=flags)

    def parse_problem(self, domain: CountingDomain, problem: str) -> Example:
        """The example that a number of the domain's base states; letters of either case are read.

        Raises:
            UserError: the text is no number of at most 20 digits, has a symbol that the base does not have, or a
                leading zero.
        """
        number = problem.upper()
        expected = f"expected a number in base {domain.base} of at most {_MOST_DIGITS} digits, such as 10"
        if _NUMBER.fullmatch(problem) is None or len(number) > _MOST_DIGITS:
            raise UserError(f"problem {problem!r}: {expected}")
        numerals.from_base(number, domain.base)
        if number.startswith("0") and number != "0":
            raise UserError(f"problem {problem!r}: it begins with a zero; {expected}")
        return _example(f"given/{number}", number, domain.base)

    def key(self, domain: CountingDomain, example: Example) -> str:
        """Base and number: ``8:17``."""
        return f"{domain.base}:{example.problem}"


def _example(name: str, number: str, base: int) -> Example:
    strata = {"carries": numbers.trailing(number, base), "digits": len(number)}
    return Example(
        id=name,
        problem=number,
        target=successor(number, base),
        rationale=counted(number, base),
        strata=strata,
    )
