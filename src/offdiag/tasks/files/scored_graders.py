"""Graders of the task ``files`` that compare words: exact span, F1, ROUGE; and the name for a model that judges."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Self

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.tasks.files.graders import ARTICLES, SHOWN, Grader, answers_in, verdict, worded
from offdiag.tasks.task import Example, Grade, Status

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer


class Span(Grader):
    """The reply is the target as SQuAD compares them, exact match of Rajpurkar et al. (2016, arXiv 1606.05250)."""

    name: ClassVar[str] = "span"

    def grade(self, example: Example, completion: str) -> Grade:
        said, flags = _said(completion, example.target)
        if said is None:
            return verdict(None, False, flags)
        target = squad_words(example.target)
        right = bool(target) and squad_words(said) == target
        return verdict(example.target if right else said[:SHOWN], right, flags)


class TokenF1(Grader):
    """The harmonic mean of the shares of the reply's and the target's words that both have (SQuAD's F1)."""

    name: ClassVar[str] = "f1"

    @property
    def metric(self) -> str:
        return self.name

    def grade(self, example: Example, completion: str) -> Grade:
        said, flags = _said(completion, example.target)
        return _scored(said, 0.0 if said is None else token_f1(squad_words(said), squad_words(example.target)), flags)


def squad_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without ASCII punctuation and English articles, as SQuAD's script does.

    >>> squad_words("The Eiffel-Tower, in Paris!")
    ['eiffeltower', 'in', 'paris']
    """
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return ARTICLES.sub(" ", bare).split()


def token_f1(reply: Sequence[str], target: Sequence[str]) -> float:
    """Return the F1 of two bags of words; 0 where one is empty.

    >>> round(token_f1(["in", "paris"], ["paris"]), 3)
    0.667
    """
    shared = (Counter(reply) & Counter(target)).total()
    return 2 * shared / (len(reply) + len(target)) if shared else 0.0


@dataclass(frozen=True)
class Rouge(Grader):
    """The F measure of ROUGE (Lin 2004), by Google's rouge-score; words are not stemmed.

    Attributes:
        kind: ``L`` for the longest common subsequence, ``Lsum`` for that of lines, or the length of the n-grams.
    """

    name: ClassVar[str] = "rouge"
    kind: str = "L"

    @classmethod
    def of(cls, setting: str) -> Self:
        if not re.fullmatch(r"L|Lsum|[1-9]|", setting):
            raise UserError(
                f"grader rouge:{setting}: expected rouge (which is rouge:L), rouge:1, rouge:2 or rouge:Lsum"
            )
        return cls(setting or "L")

    @property
    def metric(self) -> str:
        return f"rouge{self.kind}"

    def grade(self, example: Example, completion: str) -> Grade:
        said, flags = worded(completion)
        said = said.strip() if said and said.strip() else None
        value = 0.0 if said is None else _scorer(self.metric).score(example.target, said)[self.metric].fmeasure
        return _scored(said, min(1.0, float(value)), flags)

    def identity(self) -> Json:
        return {"rouge": self.kind}


@lru_cache(maxsize=8)
def _scorer(kind: str) -> "RougeScorer":
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        raise UserError("grader rouge needs rouge-score: type pip install 'offdiag[rouge]'") from None
    return RougeScorer([kind], use_stemmer=False)


class ByJudge(Grader):
    """A model judges answers; it is no part of the data, so this grader refuses to grade by itself."""

    name: ClassVar[str] = "judge"

    @property
    def metric(self) -> str:
        return self.name

    def grade(self, example: Example, completion: str) -> Grade:
        raise UserError("grader judge needs a model that judges: type --judge MODEL, or set judge= of the evaluation")


def _said(completion: str, target: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the part of a reply that may be its answer, without thinking and markup, and flags; None for nothing."""
    reply, flags = worded(completion)
    if not reply or not reply.strip():
        return None, flags
    return answers_in(reply, target)[0].strip(), flags


def _scored(said: str | None, score: float, flags: tuple[str, ...]) -> Grade:
    """Return the grade of an answer that is worth ``score``; one that is not there is worth nothing."""
    shown = None if said is None else " ".join(said.split())[:SHOWN]
    status: Status = "unparsed" if said is None else "parsed"
    return Grade(parsed=shown, status=status, correct=score == 1, flags=flags, score=score)
