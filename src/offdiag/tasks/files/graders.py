"""Graders of the task ``files`` by which an answer is right or wrong; their names are in ``named_graders``."""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Self

from offdiag.errors import UserError, did_you_mean
from offdiag.identity import Json
from offdiag.tasks.extraction import Choices, Extraction, canonical_number, choice_answer, number_answer, prepared
from offdiag.tasks.extraction.markup import unmarked
from offdiag.tasks.files.function import GraderFunction
from offdiag.tasks.task import Example, Grade
from offdiag.tasks.values import file_hash

_MARKED = re.compile(r"(?:^|\n)[ \t]*(?:final answer|answer)[ \t]*:[ \t]*|\bthe answer is:?[ \t]+", re.IGNORECASE)
ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)
SHOWN = 80


class Grader(ABC):
    """Grades completions against the target of an example."""

    name: ClassVar[str]

    @classmethod
    def of(cls, setting: str) -> Self:
        """Return the grader with what stands behind its name and a colon; empty where nothing does.

        Raises:
            UserError: it cannot be set so.
        """
        if setting:
            raise UserError(f"grader {cls.name}:{setting}: {cls.name} has no settings: write {cls.name}")
        return cls()

    @property
    def metric(self) -> str:
        """The name of its score from 0 to 1; empty where an answer is right or wrong."""
        return ""

    @abstractmethod
    def grade(self, example: Example, completion: str) -> Grade:
        """Grade one completion."""

    def identity(self) -> Json:
        """Return what the grades depend on besides the version of the readers."""
        return self.name


@dataclass(frozen=True)
class Exact(Grader):
    """The reply is the target after both were normalised.

    Attributes:
        forgives: what does not count: ``case``, ``punctuation``, ``articles``, ``accents``; white space never does.
    """

    name: ClassVar[str] = "exact"
    forgives: tuple[str, ...] = ()

    @classmethod
    def of(cls, setting: str) -> Self:
        wanted = [word for word in re.split(r"[+|]", setting) if word]
        for word in wanted:
            if word not in _NORMALISATIONS:
                near = did_you_mean(word, _NORMALISATIONS)
                raise UserError(f"grader exact:{setting}: unknown normalisation {word!r}; {near}there are "
                                f"{', '.join(_NORMALISATIONS)}")  # fmt: skip
        return cls(tuple(sorted(set(wanted))))

    def grade(self, example: Example, completion: str) -> Grade:
        reply, flags = worded(completion)
        if not reply or not reply.strip():
            return Grade(parsed=None, status="unparsed", correct=False, flags=flags)
        target = self.normal(example.target)
        said = next((text for text in answers_in(reply, example.target) if self.normal(text) == target), None)
        answer = answers_in(reply, example.target)[0] if said is None else said
        return Grade(parsed=answer.strip()[:SHOWN] if said is None else example.target, status="parsed",
                     correct=said is not None, flags=flags)  # fmt: skip

    def normal(self, text: str) -> str:
        """Return a text without what does not count."""
        for name in self.forgives:
            text = _NORMALISATIONS[name](text)
        return " ".join(text.split())

    def identity(self) -> Json:
        return {"exact": list(self.forgives)}


def worded(completion: str) -> Extraction:
    """Return the reply in a completion as plain words, without thinking and markup (None for none), and its flags."""
    reply, flags = prepared(completion)
    return Extraction(None if reply is None else unmarked(reply), flags)


def answers_in(reply: str, target: str) -> list[str]:
    """Return the parts of a reply that may be its answer: what follows its last "Answer:", or its first lines."""
    marked = list(_MARKED.finditer(reply))
    reply = (reply[marked[-1].end() :] if marked else reply).strip()
    lines = [line for line in reply.split("\n") if line.strip()]
    tall = len([line for line in target.split("\n") if line.strip()])
    return ["\n".join(lines[:tall]) if lines else reply]


def _without_punctuation(text: str) -> str:
    return "".join(" " if unicodedata.category(c).startswith("P") else c for c in text)


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


_NORMALISATIONS: dict[str, Callable[[str], str]] = {
    "accents": _without_accents,
    "articles": lambda text: ARTICLES.sub(" ", text),
    "case": str.casefold,
    "punctuation": _without_punctuation,
}


@dataclass(frozen=True)
class Choice(Grader):
    """The reply is the right choice, by its text or by its letter; most likely choices are graded by it, too.

    Attributes:
        letters: whether the prompt shows the choices with letters.
    """

    name: ClassVar[str] = "choice"
    letters: bool = True

    def grade(self, example: Example, completion: str) -> Grade:
        answer, flags = choice_answer(completion, _choices(example.choices, self.letters))
        return verdict(answer, answer == example.target, flags)

    def identity(self) -> Json:
        return {"choice": self.letters}


@lru_cache(maxsize=4096)
def _choices(texts: tuple[str, ...], letters: bool) -> Choices:
    return Choices(texts, letters=letters)


@dataclass(frozen=True)
class NumberWithin(Grader):
    """The number of the reply is that of the target, within a tolerance.

    Attributes:
        tolerance: largest difference that counts as right, at least 0. relative: whether it is a share of the target.
    """

    name: ClassVar[str] = "number"
    tolerance: float = 0.0
    relative: bool = False

    @classmethod
    def of(cls, setting: str) -> Self:
        bare = setting.removesuffix("%")
        try:
            tolerance = float(bare or 0)
        except ValueError:
            tolerance = -1.0
        if not 0 <= tolerance < float("inf") or (setting and not bare):
            raise UserError(f"grader number:{setting}: expected a tolerance, such as number:0.01 or number:1%")
        return cls(tolerance / 100 if bare != setting else tolerance, bare != setting)

    def grade(self, example: Example, completion: str) -> Grade:
        answer, flags = number_answer(completion)
        target = canonical_number(example.target)
        if answer is None or target is None:
            return verdict(answer, False, flags)
        if answer == target:
            return verdict(example.target, True, flags)
        found, wanted = _value(answer), _value(target)
        if self.tolerance == 0 or found is None or wanted is None:
            return verdict(answer, False, flags)
        most = self.tolerance * (abs(wanted) if self.relative else 1)
        return verdict(answer, abs(found - wanted) <= most * (1 + 1e-12), flags)

    def identity(self) -> Json:
        return {"number": [self.tolerance, self.relative]}


def _value(number: str) -> float | None:
    """Return the value of a number in canonical form, which may be a fraction."""
    above, slash, below = number.partition("/")
    try:
        return float(above) / float(below) if slash else float(number)
    except (ValueError, ZeroDivisionError):
        return None


@dataclass(frozen=True)
class Regex(Grader):
    """What a pattern finds last in the reply is the target, up to white space."""

    name: ClassVar[str] = "regex"
    pattern: re.Pattern[str] = re.compile("")

    @classmethod
    def of(cls, setting: str) -> Self:
        if not setting:
            raise UserError("grader regex: expected a pattern that finds the answer, such as regex:answer is (\\w+)")
        try:
            return cls(re.compile(setting))
        except re.error as error:
            raise UserError(f"grader regex:{setting}: no regular expression ({error}): mend it") from None

    def grade(self, example: Example, completion: str) -> Grade:
        reply, flags = worded(completion)
        found = list(self.pattern.finditer(reply or ""))
        said = next((group for group in found[-1].groups() if group is not None), found[-1][0]) if found else None
        if said is None:
            return verdict(None, False, flags)
        right = said.split() == example.target.split()
        return verdict(example.target if right else said.strip()[:SHOWN], right, flags)

    def identity(self) -> Json:
        return {"regex": self.pattern.pattern}


class Contains(Grader):
    """The target stands in the reply as whole words, whatever the case."""

    name: ClassVar[str] = "contains"

    def grade(self, example: Example, completion: str) -> Grade:
        reply, flags = worded(completion)
        said, target = (" ".join(text.casefold().split()) for text in (reply or "", example.target))
        if not said:
            return verdict(None, False, flags)
        right = re.search(rf"(?<!\w){re.escape(target)}(?!\w)", said) is not None
        return verdict(example.target if right else said[:SHOWN], right, flags)


@dataclass(frozen=True)
class Own(Grader):
    """A function of the user's."""

    name: ClassVar[str] = "own"
    function: GraderFunction

    def grade(self, example: Example, completion: str) -> Grade:
        return self.function.grade(example, completion)

    def identity(self) -> Json:
        code = self.function.code
        return {"code": code.hash, **({"files": [file_hash(path) for path in code.data]} if code.data else {})}


def verdict(parsed: str | None, correct: bool, flags: tuple[str, ...]) -> Grade:
    """Return the grade of an answer that is right or wrong; None is one that was not found."""
    return Grade(parsed=parsed, status="unparsed" if parsed is None else "parsed", correct=correct, flags=flags)
