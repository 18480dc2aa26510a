"""The task: spell a word backwards."""

import re
from collections.abc import Sequence
from functools import cache
from itertools import product
from string import ascii_lowercase
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.tasks import Domain, Example, Grade, PromptStyle, Task


class LettersDomain(Domain):
    """Words of ``length`` letters (2 to 4). The field is what ``length=4`` means on the command line."""

    task: ClassVar[str] = "letters"
    length: int = Field(default=3, ge=2, le=4)


class Letters(Task[LettersDomain]):
    """Made-up words to be spelt backwards; half of them are for training, the others for evaluation."""

    name: ClassVar[str] = "letters"
    domain_type: ClassVar[type[Domain]] = LettersDomain

    def domains(self) -> Sequence[LettersDomain]:
        return [LettersDomain(), LettersDomain(length=4)]

    def size(self, domain: LettersDomain, split: str) -> int:
        return len(self._words(domain, split))

    def examples(self, domain: LettersDomain, split: str, n: int, seed: int) -> list[Example]:
        self.check_available(domain, split, n)
        return self._drawn(domain, split, n, seed)

    def demonstrations(self, domain: LettersDomain, query: Example, k: int, seed: int) -> list[Example]:
        others = (e for e in self._drawn(domain, "train", k + 1, seed, query.id) if e.problem != query.problem)
        return list(others)[:k]

    def prompt(self, domain: LettersDomain, example: Example, style: PromptStyle) -> str:
        return f"Spell {example.problem} backwards. Answer with one word."

    def response(self, domain: LettersDomain, example: Example, *, rationale: bool) -> str:
        return example.target

    def grade(self, domain: LettersDomain, example: Example, completion: str) -> Grade:
        found = re.fullmatch(r"\W*([a-z]+)\W*", completion.strip().partition("\n")[0].lower())
        if found is None:  # nothing, or a whole sentence: that is no answer
            return Grade(parsed=None, status="unparsed", correct=False)
        return Grade(parsed=found[1], status="parsed", correct=found[1] == example.target)

    def parse_problem(self, domain: LettersDomain, problem: str) -> Example:
        if not re.fullmatch(f"[a-z]{{{domain.length}}}", problem):
            raise UserError(f"problem {problem!r}: expected a word of {domain.length} letters from a to z")
        return Example(id=problem, problem=problem, target=problem[::-1], strata={"first": problem[0]})

    def _drawn(self, domain: LettersDomain, split: str, n: int, seed: int, *purpose: str) -> list[Example]:
        """The first ``n`` words of a random order, which only the seed and the names decide."""
        words = self._words(domain, split)
        order = stream(seed, self.name, str(domain), split, *purpose).permutation(len(words))
        return [self.parse_problem(domain, words[i]) for i in order[:n]]

    def _words(self, domain: LettersDomain, split: str) -> Sequence[str]:
        self.check_split(split)
        return _shuffled(domain.length)[self.splits.index(split) :: 2]


@cache
def _shuffled(length: int) -> Sequence[str]:
    """All words of so many letters in an order that never changes, but for those that read the same backwards."""
    words = ["".join(letters) for letters in product(ascii_lowercase, repeat=length)]
    words = [word for word in words if word != word[::-1]]
    return [words[i] for i in stream(0, "letters", "words", length).permutation(len(words))]
