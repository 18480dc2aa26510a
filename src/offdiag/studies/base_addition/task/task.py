"""The task base addition: problems such as ``76+76`` in base 8, graded by the digits of the sum."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.base_addition.task import numerals, sampling
from offdiag.studies.base_addition.task.extract import extract, poses_another_problem
from offdiag.studies.base_addition.task.prompts import PROMPT_VERSION, BoxedTask, question, rationale
from offdiag.tasks.domain import Domain
from offdiag.tasks.extraction import EXTRACTION_VERSION
from offdiag.tasks.task import Example, Grade, PromptStyle

MAX_DIGITS = 6
_PROBLEM = re.compile(r"([0-9A-Za-z]+)\+([0-9A-Za-z]+)")


class AdditionDomain(Domain):
    """Sums of two numbers with exactly ``digits`` digits (1 to 6) in ``base`` (2 to 36)."""

    tag: ClassVar[str] = "base_addition"
    task: ClassVar[str] = "base_addition"
    base: int = Field(ge=numerals.MIN_BASE, le=numerals.MAX_BASE)
    digits: int = Field(default=2, ge=1, le=MAX_DIGITS)


class BaseAddition(BoxedTask[AdditionDomain]):
    """Addition in an unusual base, where the habits of base ten give a wrong answer.

    Wu et al. (2024), "Reasoning or Reciting?", arXiv 2307.02477. Every base but 10 keeps only problems whose sum has
    other digits than in decimal.
    """

    name: ClassVar[str] = "base_addition"
    domain_type: ClassVar[type[Domain]] = AdditionDomain
    data_version: ClassVar[int] = sampling.DATA_VERSION
    prompt_version: ClassVar[int] = PROMPT_VERSION
    extractor_version: ClassVar[int] = EXTRACTION_VERSION

    def domains(self) -> Sequence[AdditionDomain]:
        """Return bases 8, 9 and 10 with 2 to 4 digits, and bases 11 and 16 with 2."""
        taught = [AdditionDomain(base=base, digits=digits) for base in (8, 9, 10) for digits in (2, 3, 4)]
        return [*taught, AdditionDomain(base=11), AdditionDomain(base=16)]

    def size(self, domain: AdditionDomain, split: str) -> int:
        """Return 1000 for ``eval``; for ``train`` the count of all other problems, in both orders of operands."""
        self.check_split(split)
        return sampling.EVAL_SIZE if split == "eval" else sampling.training_size(domain.base, domain.digits)

    def examples(self, domain: AdditionDomain, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` examples of a split.

        ``eval`` is the published set of 1000 problems, repetitions included, so ``seed`` does not change it.
        ``train`` is drawn without replacement from all problems that are not in it in either order of operands.

        Raises:
            UserError: the split is unknown, or has fewer than ``n`` examples.
        """
        self.check_available(domain, split, n, "or for more digits")
        if split == "eval":
            problems = sampling.evaluation_set(domain.base, domain.digits)[:n]
            return [_example(f"eval/{i:04d}/{problem}", problem, domain.base) for i, problem in enumerate(problems)]
        rng = stream(seed, self.name, str(domain), "train")
        drawn = islice(sampling.training_problems(domain.base, domain.digits, rng), n)
        return [_training_example(problem, domain.base) for problem in drawn]

    def demonstrations(self, domain: AdditionDomain, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` training problems of ``domain`` for this query, no two alike up to swapped operands.

        The draw depends on the seed and the query's id; a smaller ``k`` gives the first of them. Neither the query nor
        any evaluation problem of the domain is among them, in either order of operands.

        Raises:
            UserError: the domain has fewer than ``k`` such problems.
        """
        rng = stream(seed, self.name, str(domain), "demonstrations", query.id)
        problems = _distinct(sampling.training_problems(domain.base, domain.digits, rng), query.problem)
        chosen = self.first_problems(domain, problems, k, ", or for more digits")
        return [_training_example(problem, domain.base) for problem in chosen]

    def prompt(self, domain: AdditionDomain, example: Example, style: PromptStyle) -> str:
        """Return one paragraph that asks for the sum in a box."""
        return question(example.problem, domain.base, style)

    def grade(self, domain: AdditionDomain, example: Example, completion: str) -> Grade:
        """Grade a completion: right if its digits are those of the sum; leading zeros are not forgiven.

        Flags are those of :func:`extract`, and ``runaway`` (the completion goes on to ask another question).
        """
        answer, flags = extract(completion, domain.base)
        if "runaway" not in flags and poses_another_problem(completion, example.problem):
            flags = (*flags, "runaway")
        return self.graded(example, answer, flags)

    def parse_problem(self, domain: AdditionDomain, problem: str) -> Example:
        """Return the example that ``L+R`` states: operands of the domain's base, equally long, with 1 to 6 digits.

        Letters of either case are read, and the problem is kept in upper case. The number of digits may differ from
        the domain's, since the base alone decides what the problem means.

        Raises:
            UserError: the text has another form, a symbol that the base does not have, or a leading zero.
        """
        expected = f"expected two numbers in base {domain.base}, equally long, such as {self._sample(domain)}"
        match = _PROBLEM.fullmatch(problem)
        if match is None:
            raise UserError(f"problem {problem!r}: {expected}")
        left, right = match[1].upper(), match[2].upper()
        for operand in (left, right):
            numerals.from_base(operand, domain.base)
            if operand.startswith("0"):
                raise UserError(f"problem {problem!r}: {operand} begins with a zero; {expected}")
        if len(left) != len(right) or len(left) > MAX_DIGITS:
            raise UserError(
                f"problem {problem!r}: found {len(left)} and {len(right)} digits (at most {MAX_DIGITS}); {expected}"
            )
        return _example(f"given/{left}+{right}", f"{left}+{right}", domain.base)

    def key(self, domain: AdditionDomain, example: Example) -> str:
        """Return base and unordered operands: ``8:14+57`` for ``57+14`` in base 8."""
        return f"{domain.base}:{sampling.unordered(example.problem)}"

    def _sample(self, domain: AdditionDomain) -> str:
        return sampling.evaluation_set(domain.base, domain.digits)[0]


def _distinct(problems: Iterator[str], query: str) -> Iterator[str]:
    """Yield the problems in their order, each once up to swapped operands, and never the query."""
    seen = {sampling.unordered(query)}
    for problem in problems:
        if (key := sampling.unordered(problem)) not in seen:
            seen.add(key)
            yield problem


def _training_example(problem: str, base: int) -> Example:
    return _example(f"train/{problem}", problem, base)


def _example(name: str, problem: str, base: int) -> Example:
    left, right = problem.split("+")
    target = numerals.add(left, right, base)
    carried = numerals.carries(left, right, base)
    strata = {"carries": sum(carried), "ones_carry": carried[0], "sum_digits": len(target)}
    solution = rationale(left, right, base)
    return Example(id=name, problem=problem, target=target, rationale=solution, strata=strata)
