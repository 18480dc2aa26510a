"""The task written_sums: base addition as a small decoder that is trained here reads it, one token per character.

A line is ``7>76+76=174``, or with the columns worked out ``7?76+76=6+6=14,7+7+1=17:174``. Its first character names
the base by its highest digit (7: base 8), its second says whether the columns come before the sum. The problems, those
that are asked and all others to learn from, are those of base addition.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.base_addition.task import numerals, sampling
from offdiag.studies.base_addition.task.extract import extract
from offdiag.studies.base_addition.task.mixture import shares, which
from offdiag.studies.base_addition.task.task import AdditionDomain, BaseAddition
from offdiag.tasks.domain import Domain
from offdiag.tasks.extraction import EXTRACTION_VERSION
from offdiag.tasks.stream import NO_TARGET, IntArray, Loss, StreamPart, TextStream, TokenBatch
from offdiag.tasks.task import Example, Grade, PromptStyle, Task

SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, _, BOS, EOS = range(len(SPECIAL))
TOKENS = (*SPECIAL, *numerals.SYMBOLS, *"+=,:>?")
_IDS = {text: index for index, text in enumerate(TOKENS)}
_DATA_VERSION, _PROMPT_VERSION = 1, 1
_POOL = 8000  # problems of a base and length that training batches draw from; part of the data version
_BOTH: tuple[Literal["bare", "worked"], ...] = ("bare", "worked")
_SUMS = BaseAddition()
_LINE = re.compile(r"([0-9A-Z])([>?])([0-9A-Z]+\+[0-9A-Z]+)=?")


class WrittenDomain(Domain):
    """Sums of two numbers in ``base`` with ``digits`` digits, bare or with their columns worked out.

    Attributes:
        base: 2 to 36, or several with how often each comes: ``8x5+9x5+10x90``.
        digits: 1 to 6, or several, such as ``2x3+3x1``.
        lines: ``bare``: the sum alone follows; ``worked``: its columns stand before it; ``both``: each as often.
    """

    tag: ClassVar[str] = "written_sums"
    task: ClassVar[str] = "written_sums"
    base: int | str
    digits: int | str = 2
    lines: Literal["bare", "worked", "both"] = "bare"

    @field_validator("base", "digits", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for base, _ in shares("base", self.base):
            for digits, _ in shares("digits", self.digits):
                AdditionDomain(base=base, digits=digits)
        return self

    @cached_property
    def parts(self) -> tuple[tuple["WrittenDomain", float], ...]:
        """The domains of one base, one length and one kind of line that this one is made of, with their shares."""
        ways: tuple[Literal["bare", "worked"], ...] = _BOTH if self.lines == "both" else (self.lines,)
        found = [
            (WrittenDomain(base=base, digits=digits, lines=lines), often * frequent)
            for base, often in shares("base", self.base)
            for digits, frequent in shares("digits", self.digits)
            for lines in ways
        ]
        total = sum(share for _, share in found)
        return tuple((part, share / total) for part, share in found)

    @property
    def short(self) -> str:
        """``8d2`` or ``8d2-worked``, for folders."""
        return f"{self.base}d{self.digits}{'' if self.lines == 'bare' else f'-{self.lines}'}"

    @property
    def sums(self) -> AdditionDomain:
        """The same sums in base addition, of a domain with one base and one length."""
        ((base, _),) = shares("base", self.base)
        ((digits, _),) = shares("digits", self.digits)
        return AdditionDomain(base=base, digits=digits)


class WrittenSums(Task[WrittenDomain]):
    """Sums of two numbers, one character per token, for models that are trained from nothing."""

    name: ClassVar[str] = "written_sums"
    domain_type: ClassVar[type[Domain]] = WrittenDomain
    data_version: ClassVar[int] = _DATA_VERSION
    prompt_version: ClassVar[int] = _PROMPT_VERSION
    extractor_version: ClassVar[int] = EXTRACTION_VERSION

    def domains(self) -> Sequence[WrittenDomain]:
        """Return bases 8, 9 and 10 with two digits, with and without columns."""
        return [WrittenDomain(base=base, lines=lines) for base in (8, 9, 10) for lines in _BOTH]

    def size(self, domain: WrittenDomain, split: str) -> int:
        """Return how many examples there are; of a mixture half as many as its scarcest part allows on average."""
        self.check_split(split)
        spare = 1 if len(domain.parts) == 1 else 2
        return int(min(_SUMS.size(part.sums, split) / share / spare for part, share in domain.parts))

    def examples(self, domain: WrittenDomain, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` examples of a split, those of base addition; parts of a mixture by chance.

        Raises:
            UserError: the split is unknown, or has fewer than ``n`` examples.
        """
        self.check_available(domain, split, n, "or for more digits")
        parts = [part for part, _ in domain.parts]
        chosen = which([share for _, share in domain.parts], stream(seed, self.name, str(domain), split), n)
        counts = np.bincount(chosen, minlength=len(parts)).tolist()
        drawn = [
            iter([_written(part, one) for one in _SUMS.examples(part.sums, split, count, seed)])
            for part, count in zip(parts, counts, strict=True)
        ]
        found = [next(drawn[i]) for i in chosen]
        if len(parts) == 1:
            return found
        return [replace(one, id=f"{one.problem[:2]}/{one.id}") for one in found]

    def demonstrations(self, domain: WrittenDomain, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` training examples for this query, see :meth:`BaseAddition.demonstrations`."""
        if len(domain.parts) > 1:
            raise UserError(f"{self.name} {domain}: demonstrations of a mixture: give one base and one length")
        bare = replace(query, problem=_problem(query))
        found = _SUMS.demonstrations(domain.sums, bare, k, seed)
        return [_written(domain, example) for example in found]

    def prompt(self, domain: WrittenDomain, example: Example, style: PromptStyle) -> str:
        """Return ``7>76+76=`` in either style: the line itself says whether the columns are asked for."""
        return f"{example.problem}="

    def response(self, domain: WrittenDomain, example: Example, *, rationale: bool) -> str:
        """Return what follows ``=``: the sum, after its columns where the line asks for them."""
        return (example.rationale or "") + example.target

    def grade(self, domain: WrittenDomain, example: Example, completion: str) -> Grade:
        """Grade a completion: right if what stands last, after its columns, has the digits of the sum."""
        base = _base(example)
        last = completion.strip().rpartition(":")[2].strip()
        answer, flags = (last, ()) if re.fullmatch(r"[0-9A-Z]+", last) else extract(completion, base)
        status: Literal["parsed", "unparsed"] = "unparsed" if answer is None else "parsed"
        return Grade(parsed=answer, status=status, correct=answer == example.target, flags=flags)

    def parse_problem(self, domain: WrittenDomain, problem: str) -> Example:
        """Return the example that ``7>76+76`` states, with or without ``=``.

        Raises:
            UserError: another form, or a base or kind of line that the domain does not have.
        """
        sample = self.examples(domain, "eval", 1, 0)[0].problem
        match = _LINE.fullmatch(problem.strip().upper())
        fitting = [part for part, _ in domain.parts if match and _name(part) == match[1] + match[2]]
        if match is None or not fitting:
            raise UserError(f"problem {problem!r}: expected a line of {domain}, such as {sample}")
        return _written(fitting[0], _SUMS.parse_problem(fitting[0].sums, match[3]))

    def stream(self, parts: Sequence[StreamPart], *, loss: Loss, data_seed: int) -> "SumStream":
        """Return training batches of ``<bos>7>76+76=174<eos>``, one token per character."""
        return SumStream(parts=tuple(parts), loss=loss, data_seed=data_seed)

    def key(self, domain: WrittenDomain, example: Example) -> str:
        """Return base and unordered operands, as base addition does: with or without columns it is the same sum."""
        return f"{_base(example)}:{sampling.unordered(_problem(example))}"


class SumStream(TextStream):
    """Batches of lines such as ``<bos>7>76+76=174<eos>``, one token per character, from all parts.

    Parts without ``rows`` take turns and are drawn anew for each update, a mixture by its shares. Parts
    with ``rows`` are a fixed set of examples that is passed through once per epoch, each time in another order.

    Attributes:
        loss: on what follows ``=``, or on the whole line. data_seed: of the fixed sets.
    """

    tag: ClassVar[str] = "written_sums"
    symbols: ClassVar[tuple[str, ...]] = TOKENS
    data_version: ClassVar[int] = _DATA_VERSION
    parts: tuple[StreamPart, ...]
    loss: Loss = "answer"
    data_seed: int = 0

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if not self.parts or len({part.rows is None for part in self.parts}) > 1:
            raise UserError("a stream of written sums: give one part or more, and rows to all of them or to none")
        if strange := [part.domain.task for part in self.parts if not isinstance(part.domain, WrittenDomain)]:
            raise UserError(f"a part of task {strange[0]} in a stream of written_sums: give all parts of one task")
        for part in (part.sums for domain in self._asked for part, _ in domain.parts):
            if not _SUMS.size(part, "train"):
                raise UserError(
                    f"{part} has no sums to train on: all its problems are kept for tests; take longer ones"
                )
        return self

    @property
    def _asked(self) -> list[WrittenDomain]:
        return [part.domain for part in self.parts if isinstance(part.domain, WrittenDomain)]

    @property
    def label(self) -> str:
        return "sums." + ".".join(f"{part.domain.short}{f'.n{part.rows}' if part.rows else ''}" for part in self.parts)

    @property
    def without_replicate(self) -> Self:
        return self.model_copy(update={"data_seed": 0})

    @property
    def columns(self) -> int:
        """Tokens of the longest line, of three-digit sums at least, so that those can be asked."""
        return 2 + max(_LEAST, *(sum(longest(part)) for domain in self._asked for part, _ in domain.parts))

    def batch(self, seed: int, index: int, rows: int) -> TokenBatch:
        """Return batch ``index`` (from 0) of the stream under ``seed``."""
        lines = list(self._fresh(seed, index, rows) if self.parts[0].rows is None else self._kept(seed, index, rows))
        ids = np.full((rows, self.columns + 1), PAD, np.int64)
        targets = np.full((rows, self.columns), NO_TARGET, np.int64)
        for i, line in enumerate(lines):
            encoded = [BOS, *(_IDS[character] for character in line), EOS]
            first = line.index("=") + 1 if self.loss == "answer" else 0
            ids[i, : len(encoded) - 1] = encoded[:-1]
            targets[i, first : len(encoded) - 1] = encoded[first + 1 :]
        return TokenBatch(ids[:, :-1], targets)

    def _fresh(self, seed: int, index: int, rows: int) -> Iterator[str]:
        """Yield lines drawn anew: the part by its share, then one of its problems."""
        generator = stream(seed, "written_sums", "rows", index)
        asked = self._asked
        for i in range(rows):
            domain = asked[(index * rows + i) % len(asked)]
            pool = _pool(domain.parts[which([share for _, share in domain.parts], generator, 1)[0]][0])
            yield pool[int(generator.integers(len(pool)))]

    def _kept(self, seed: int, index: int, rows: int) -> Iterator[str]:
        """Yield lines of the fixed sets; a batch may end one epoch and begin the next."""
        pool = _rows(self)
        for number in range(index * rows, (index + 1) * rows):
            epoch, place = divmod(number, len(pool))
            yield pool[int(_order(seed, len(pool), epoch)[place])]


def longest(domain: WrittenDomain) -> tuple[int, int]:
    """Return the most characters before and after the first ``=``, of a domain with one base and one length."""
    top = numerals.alphabet(domain.sums.base)[-1] * domain.sums.digits  # the sum that carries everywhere
    line = _text(domain, f"{top}+{top}")
    return line.index("=") + 1, len(line) - line.index("=") - 1


def _name(domain: WrittenDomain) -> str:
    return numerals.alphabet(domain.sums.base)[-1] + ">?"[domain.lines == "worked"]


def _written(domain: WrittenDomain, example: Example) -> Example:
    """Return an example of base addition as a line of this task."""
    columns = _columns(example.problem, domain.sums.base) if domain.lines == "worked" else None
    problem = _name(domain) + example.problem
    return Example(
        id=example.id, problem=problem, target=example.target, rationale=columns, strata=dict(example.strata)
    )


def _columns(problem: str, base: int) -> str:
    """Return the columns from the right, each with the carry that it receives: ``6+6=14,7+7+1=17:``."""
    left, right = problem.split("+")
    carried = (False, *numerals.carries(left, right, base))
    steps = []
    for top, bottom, carry in zip(reversed(left), reversed(right), carried, strict=False):
        total = numerals.add(top, bottom, base)
        steps.append(f"{top}+{bottom}{'+1' if carry else ''}={numerals.add(total, '1', base) if carry else total}")
    return ",".join(steps) + ":"


def _problem(example: Example) -> str:
    return example.problem[2:]


def _base(example: Example) -> int:
    return numerals.SYMBOLS.index(example.problem[0]) + 1


def _text(domain: WrittenDomain, problem: str) -> str:
    """Return the line of a problem of a domain with one base and one length."""
    base, (left, right) = domain.sums.base, problem.split("+")
    columns = _columns(problem, base) if domain.lines == "worked" else ""
    return f"{_name(domain)}{problem}={columns}{numerals.add(left, right, base)}"


def _line(example: Example) -> str:
    return f"{example.problem}={(example.rationale or '') + example.target}"


@lru_cache(maxsize=64)
def _pool(part: WrittenDomain) -> tuple[str, ...]:
    """Return lines of training problems, at most ``_POOL``, the same for every seed of a training."""
    domain = part.sums
    generator = stream(0, "written_sums", "pool", str(domain))
    problems = islice(sampling.training_problems(domain.base, domain.digits, generator), _POOL)
    return tuple(_text(part, problem) for problem in problems)


@lru_cache(maxsize=8)
def _rows(of: SumStream) -> tuple[str, ...]:
    task = WrittenSums()
    return tuple(
        _line(example)
        for domain, part in zip(of._asked, of.parts, strict=True)
        for example in task.examples(domain, "train", part.rows or 0, of.data_seed)
    )


@lru_cache(maxsize=8)
def _order(seed: int, n: int, epoch: int) -> IntArray:
    return stream(seed, "written_sums", "order", epoch).permutation(n)


_LEAST = sum(longest(WrittenDomain(base=36, digits=3, lines="worked")))
