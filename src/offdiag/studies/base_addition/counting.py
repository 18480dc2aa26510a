r"""The task counting: say the number that follows ``17`` in base 8 (the control task of Wu et al. 2024).

The evaluation set is theirs (arXiv 2307.02477): every number below ``100 * base`` that ends in the first or in the last
digit of the base, so that half of them roll over. A reply that counts, from 17 in base 8:

    Counting up in base-8: 14, 15, 16, 17. The next number is \boxed{20}.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import ClassVar

import numpy as np
from pydantic import Field

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.base_addition.task.extract import extract
from offdiag.studies.base_addition.task.numerals import MAX_BASE, MIN_BASE, alphabet, from_base, to_base
from offdiag.studies.base_addition.task.prompts import BoxedTask, boxed
from offdiag.tasks.domain import Domain
from offdiag.tasks.extraction import EXTRACTION_VERSION, prepared
from offdiag.tasks.extraction.statements import AMBIGUOUS, NO_ANSWER
from offdiag.tasks.task import Example, Grade, PromptStyle

DATA_VERSION = 1
PROMPT_VERSION = 1

EVAL_PREFIXES = 100
TRAIN_PREFIXES = 1000  # numbers to train on have prefixes below this; one digit longer than the longest evaluated
EVAL_SIZE = 2 * EVAL_PREFIXES
TRAIN_SIZE = 2 * (TRAIN_PREFIXES - EVAL_PREFIXES)
PRECEDING = 3  # numbers that a reply counts through before the given one

_ENDINGS: dict[PromptStyle, str] = {
    "direct": "Finish with the result in a LaTeX box:",
    "step-by-step": "Count up to it through a few of the numbers before it and complete the sequence, "
    "then finish with the result in a LaTeX box:",
}
_PROBLEM = re.compile(r"[0-9A-Za-z]+")
_MOST_DIGITS = 20
_BASE = re.compile(r"\(?\b(?:in\s+)?base[\s-]*(?:\d+|[a-z]+)\b\)?|_\{[^{}]*\}|_\d+", re.IGNORECASE)
_ASIDE = re.compile(r",?\s*which is (?:equal|equivalent) to [^.\n]*", re.IGNORECASE)
_NUMERAL = re.compile(r"[0-9A-Za-z]+")
_IN_WORDS = re.compile(
    r"(?:ten|eleven|twelve|\w{3,5}teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?|hundred|thousand)",
    re.IGNORECASE,
)
_STATED = re.compile(r"\b(?:answer|next number|result)\b[^.\n]{0,40}\b(?:is|:)", re.IGNORECASE)
_LONGEST = 2000  # characters at the end of a completion that are searched, so that the time stays bounded


class CountingDomain(Domain):
    """The numbers of ``base`` (2 to 36)."""

    tag: ClassVar[str] = "counting"
    task: ClassVar[str] = "counting"
    base: int = Field(ge=MIN_BASE, le=MAX_BASE)


class Counting(BoxedTask[CountingDomain]):
    """The number that follows, in an unusual base: does a model know the numerals that additions are made of?

    Wu et al. (2024), "Reasoning or Reciting?", arXiv 2307.02477: their control for arithmetic. Half of the numbers
    roll over. It is cheap, so it also shows what a fine-tuned model has forgotten.
    """

    name: ClassVar[str] = "counting"
    domain_type: ClassVar[type[Domain]] = CountingDomain
    data_version: ClassVar[int] = DATA_VERSION
    prompt_version: ClassVar[int] = PROMPT_VERSION
    extractor_version: ClassVar[int] = EXTRACTION_VERSION

    def domains(self) -> Sequence[CountingDomain]:
        """Return bases 8, 9, 10, 11 and 16."""
        return [CountingDomain(base=base) for base in (8, 9, 10, 11, 16)]

    def size(self, domain: CountingDomain, split: str) -> int:
        """Return the number of examples: 200 for ``eval``, 1800 for ``train``."""
        self.check_split(split)
        return EVAL_SIZE if split == "eval" else TRAIN_SIZE

    def examples(self, domain: CountingDomain, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` examples of a split.

        ``eval`` is the published set of 200 numbers, so ``seed`` does not change it. ``train`` is drawn without
        replacement from numbers that are not in it, and every second one rolls over.

        Raises:
            UserError: the split is unknown, or has fewer than ``n`` examples.
        """
        self.check_available(domain, split, n)
        if split == "eval":
            return [_example(f"eval/{x}", x, domain.base) for x in evaluation_set(domain.base)[:n]]
        rng = stream(seed, self.name, str(domain), "train")
        return [_example(f"train/{x}", x, domain.base) for x in islice(training_numbers(domain.base, rng), n)]

    def demonstrations(self, domain: CountingDomain, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` training numbers of ``domain`` for this query, which is not among them.

        The draw depends on the seed and the query's id; a smaller ``k`` gives the first of them.

        Raises:
            UserError: the domain has fewer than ``k`` such numbers.
        """
        rng = stream(seed, self.name, str(domain), "demonstrations", query.id)
        others = (x for x in training_numbers(domain.base, rng) if x != query.problem)
        chosen = self.first_problems(domain, others, k)
        return [_example(f"train/{x}", x, domain.base) for x in chosen]

    def prompt(self, domain: CountingDomain, example: Example, style: PromptStyle) -> str:
        """Return one paragraph that asks for the next number in a box."""
        return counting_question(example.problem, domain.base, style)

    def grade(self, domain: CountingDomain, example: Example, completion: str) -> Grade:
        """Grade a completion: right if its digits are those of the next number; leading zeros are not forgiven.

        The answer is that of the box, as in base addition; in a completion without any box it is the token that stands
        at its end, or else its last numeral, and the grade has the flag ``unboxed``. Other flags: ``unterminated`` (the
        box was never closed), ``leading-zero``, ``foreign-digit`` (a symbol that the base does not have).
        """
        answer, flags = extract(completion, domain.base, "next (?:number|one)|successor|number after")
        text, _ = prepared(completion)
        if text is not None and "boxed" not in completion:
            refused = NO_ANSWER in flags or (AMBIGUOUS in flags and "\n" in text.strip())
            if answer is None and not refused and _STATED.search(text) is None:
                answer = last_numeral(text, domain.base)  # "15, 16, 17, 20": who counts names it last
            flags = (*(flag for flag in flags if flag != AMBIGUOUS), "unboxed") if answer is not None else flags
        return self.graded(example, answer, flags)

    def parse_problem(self, domain: CountingDomain, problem: str) -> Example:
        """Return the example that a number of the domain's base states; letters of either case are read.

        Raises:
            UserError: the text is no number of at most 20 digits, has a symbol that the base does not have, or a
                leading zero.
        """
        number = problem.upper()
        expected = f"expected a number in base {domain.base} of at most {_MOST_DIGITS} digits, such as 10"
        if _PROBLEM.fullmatch(problem) is None or len(number) > _MOST_DIGITS:
            raise UserError(f"problem {problem!r}: {expected}")
        from_base(number, domain.base)
        if number.startswith("0") and number != "0":
            raise UserError(f"problem {problem!r}: it begins with a zero; {expected}")
        return _example(f"given/{number}", number, domain.base)

    def key(self, domain: CountingDomain, example: Example) -> str:
        """Return base and number: ``8:17``."""
        return f"{domain.base}:{example.problem}"


def evaluation_set(base: int) -> tuple[str, ...]:
    """Return the 200 numbers in their published order; written one per line, the bytes are those of the original.

    >>> evaluation_set(8)[:6]
    ('0', '7', '10', '17', '20', '27')
    """
    last = alphabet(base)[-1]
    prefixes = ["", *(to_base(i, base) for i in range(1, EVAL_PREFIXES))]
    return tuple(prefix + digit for prefix in prefixes for digit in ("0", last))


def training_numbers(base: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield the 1800 numbers to train on, each once, in the random order that ``rng`` gives them.

    As in the evaluation set every second one rolls over: 900 that do, all there are with prefixes of 100 to 999, take
    turns with 900 of those that do not. None of them is evaluated.
    """
    rolling = np.arange(EVAL_PREFIXES, TRAIN_PREFIXES) * base + base - 1
    values = np.arange(TRAIN_PREFIXES * base)
    evaluated = (values < EVAL_PREFIXES * base) & (values % base == 0)
    steady = values[(values % base != base - 1) & ~evaluated]
    for pair in zip(rng.permutation(rolling), rng.permutation(steady), strict=False):
        yield from (to_base(int(value), base) for value in pair)


def counting_question(number: str, base: int, style: PromptStyle) -> str:
    r"""Return the user's turn: role, base and digits, the number, the cue to count, and the form of the answer.

    The cue is there step by step only. The elements are those of Wu et al. (2024, arXiv 2307.02477) but for the box,
    which they do not ask for; the words are our own.
    """
    return (
        f"You are a mathematician. All numbers here are in base-{base}, whose digits are "
        f'"{alphabet(base)}". Which number comes right after {number}? {_ENDINGS[style]} "\\boxed{{result}}".'
    )


def counted_reply(number: str, base: int) -> str:
    """Return the reply that counts up to ``number`` through at most three numbers, and boxes the next one."""
    value = from_base(number, base)
    sequence = ", ".join(to_base(i, base) for i in range(max(value - PRECEDING, 0), value + 1))
    return f"Counting up in base-{base}: {sequence}. The next number is {boxed(successor(number, base))}."


def successor(number: str, base: int) -> str:
    """Return the number that follows, in the same base.

    >>> successor("17", 8)
    '20'
    """
    return to_base(from_base(number, base) + 1, base)


def rolling_digits(number: str, base: int) -> int:
    """Return how many digits at the end are the last of the base, so that they roll over in the next number.

    >>> rolling_digits("1577", 8)
    2
    """
    return len(number) - len(number.rstrip(alphabet(base)[-1]))


def last_numeral(text: str, base: int) -> str | None:
    """Return the numeral of digits and letters of the base that a text without markup names last; None without one.

    Mentions of a base and remarks of the form "which is equal to …" are taken off first. It stands in for the parser of
    Wu et al. (2024, arXiv 2307.02477), who ask for no box. A numeral in words, or one that is no whole number, is not
    passed over for one before it.

    >>> last_numeral("The next number is 20 in base-8, which is equal to 16 in decimal.", 8)
    '20'
    >>> last_numeral("9, 10, then eleven", 10), last_numeral("8, 9, 10, 1a", 16), last_numeral("10, then -5", 10)
    (None, '1A', None)
    """
    words = _BASE.sub(" ", _ASIDE.sub(" ", text[-_LONGEST:])).split()
    for word in reversed(words):
        plain = word.strip(".,;:!?\"'()[]{}<>*$")
        if _IN_WORDS.fullmatch(plain):
            return None
        if any(symbol.isdigit() for symbol in plain):
            return plain.upper() if _NUMERAL.fullmatch(plain) else None
        if plain and plain.isupper() and word is words[-1] and set(plain) <= set(alphabet(base)):
            return plain
    return None


def _example(name: str, number: str, base: int) -> Example:
    return Example(
        id=name,
        problem=number,
        target=successor(number, base),
        rationale=counted_reply(number, base),
        strata={"carries": rolling_digits(number, base), "digits": len(number)},
    )
