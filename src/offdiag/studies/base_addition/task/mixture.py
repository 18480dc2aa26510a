"""The task mixed_sums: base addition in several bases or lengths at once, each as often as its share says."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np
from pydantic import ValidationError, field_validator, model_validator

from offdiag.errors import UserError, complaints
from offdiag.seeds import stream
from offdiag.studies.base_addition.task import sampling
from offdiag.studies.base_addition.task.prompts import PROMPT_VERSION, BoxedTask, question
from offdiag.studies.base_addition.task.task import AdditionDomain, BaseAddition
from offdiag.tasks.domain import Domain
from offdiag.tasks.extraction import EXTRACTION_VERSION
from offdiag.tasks.task import Example, Grade, PromptStyle

_SUMS = BaseAddition()
_PROBLEM = re.compile(r"([0-9]+):(.+)")


def shares(name: str, value: int | str) -> list[tuple[int, float]]:
    """Return what a parameter is, and how often each value comes.

    Raises:
        UserError: a mixture is not written as ``8x5+9x5``.
    """
    if not isinstance(value, str):
        return [(value, 1.0)]
    found = [re.fullmatch(r"([0-9]+)x([0-9]+(?:\.[0-9]+)?)", text) for text in value.split("+")]
    pairs = [(int(match[1]), float(match[2])) for match in found if match is not None]
    if len(pairs) < len(found) or len(dict(pairs)) < len(pairs) or min(share for _, share in pairs) <= 0:
        raise UserError(f"{name}={value}: expected a number, or numbers with how often each comes, such as 8x5+10x95")
    return pairs


def which(of_parts: Sequence[float], generator: np.random.Generator, n: int) -> list[int]:
    """Draw which part each of ``n`` examples is of, by the parts' shares."""
    odds = np.cumsum(of_parts)
    return [int(i) for i in np.searchsorted(odds / odds[-1], generator.random(n), side="right")]


class MixedSums(Domain):
    """Sums in several bases or lengths, each with how often it comes.

    Attributes:
        base: 2 to 36, or several: ``8x1+9x1``. digits: 1 to 6, or several: ``2x2+3x1``.
    """

    tag: ClassVar[str] = "mixed_sums"
    task: ClassVar[str] = "mixed_sums"
    base: int | str
    digits: int | str = 2

    @field_validator("base", "digits", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @model_validator(mode="after")
    def _possible(self) -> "MixedSums":
        try:
            _ = self.parts
        except ValidationError as error:
            raise UserError(complaints(error)) from None
        return self

    @cached_property
    def parts(self) -> tuple[tuple[AdditionDomain, float], ...]:
        """The domains of one base and one length that this one is made of, with their shares."""
        found = [
            (AdditionDomain(base=base, digits=digits), often * frequent)
            for base, often in shares("base", self.base)
            for digits, frequent in shares("digits", self.digits)
        ]
        total = sum(share for _, share in found)
        return tuple((part, share / total) for part, share in found)

    @property
    def short(self) -> str:
        """``base=8x1+9x1,digits=2`` in fewer letters, for folders: ``8x1+9x1d2``."""
        return f"{self.base}d{self.digits}"


class MixedAddition(BoxedTask[MixedSums]):
    """Base addition with examples of several bases or lengths; a problem names its base: ``8:76+76``."""

    name: ClassVar[str] = "mixed_sums"
    domain_type: ClassVar[type[Domain]] = MixedSums
    data_version: ClassVar[int] = sampling.DATA_VERSION
    prompt_version: ClassVar[int] = PROMPT_VERSION
    extractor_version: ClassVar[int] = EXTRACTION_VERSION

    def domains(self) -> Sequence[MixedSums]:
        """Return mixtures that were once taught: of two bases, and of two lengths."""
        return [MixedSums(base="8x1+9x1"), MixedSums(base=8, digits="2x1+3x1")]

    def size(self, domain: MixedSums, split: str) -> int:
        """Return how many examples there are: half as many as the scarcest part allows on average."""
        self.check_split(split)
        return int(min(_SUMS.size(part, split) / share / 2 for part, share in domain.parts))

    def examples(self, domain: MixedSums, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` examples of a split, those of base addition; which part each is of is drawn.

        Raises:
            UserError: the split is unknown, or has fewer than ``n`` examples.
        """
        self.check_available(domain, split, n, "or for more digits")
        generator = stream(seed, self.name, str(domain), split)
        return self._drawn(domain, generator, n, lambda part, count: _SUMS.examples(part, split, count, seed))

    def demonstrations(self, domain: MixedSums, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` training examples for this query, see :meth:`BaseAddition.demonstrations`."""
        bare = replace(query, problem=_bare(query))
        generator = stream(seed, self.name, str(domain), "demonstrations", query.id)
        return self._drawn(domain, generator, k, lambda part, count: _SUMS.demonstrations(part, bare, count, seed))

    def _drawn(
        self,
        domain: MixedSums,
        generator: np.random.Generator,
        n: int,
        draw: Callable[[AdditionDomain, int], Sequence[Example]],
    ) -> list[Example]:
        chosen = which([share for _, share in domain.parts], generator, n)
        counts = np.bincount(chosen, minlength=len(domain.parts)).tolist()
        own = [iter(draw(part, count)) for (part, _), count in zip(domain.parts, counts, strict=True)]
        return [_named(domain.parts[i][0], next(own[i])) for i in chosen]

    def prompt(self, domain: MixedSums, example: Example, style: PromptStyle) -> str:
        """Return the paragraph of base addition, which names the example's base."""
        return question(_bare(example), _base(example), style)

    def grade(self, domain: MixedSums, example: Example, completion: str) -> Grade:
        """Grade a completion as base addition does in the example's base."""
        part = AdditionDomain(base=_base(example))
        return _SUMS.grade(part, replace(example, problem=_bare(example)), completion)

    def parse_problem(self, domain: MixedSums, problem: str) -> Example:
        """Return the example that ``8:76+76`` states.

        Raises:
            UserError: the text has another form, or a base that the domain does not have.
        """
        match = _PROBLEM.fullmatch(problem)
        part = next((part for part, _ in domain.parts if match and part.base == int(match[1])), None)
        if match is None or part is None:
            raise UserError(f"problem {problem!r}: expected a base of {domain} and a sum, such as 8:76+76")
        return _named(part, _SUMS.parse_problem(part, match[2]))

    def key(self, domain: MixedSums, example: Example) -> str:
        """Return base and unordered operands, as base addition does."""
        return f"{_base(example)}:{sampling.unordered(_bare(example))}"


def _named(part: AdditionDomain, example: Example) -> Example:
    """Return an example of base addition with its base in problem and id, and its length in the id."""
    problem = f"{part.base}:{example.problem}"
    return replace(example, id=f"{part.base}d{part.digits}/{example.id}", problem=problem)


def _base(example: Example) -> int:
    return int(example.problem.partition(":")[0])


def _bare(example: Example) -> str:
    return example.problem.partition(":")[2]
