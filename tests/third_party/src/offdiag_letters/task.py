"""The task: spell a word backwards."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.tasks import Domain, Example, Grade, PromptStyle, Task


class LettersDomain(Domain):
    """Words of so many letters."""

    task: ClassVar[str] = "letters"
    length: int = Field(default=3, ge=1, le=8)


class Letters(Task[LettersDomain]):
    """Random words, to be spelt backwards; one half of all words is for training, the other for evaluation."""

    name: ClassVar[str] = "letters"
    domain_type: ClassVar[type[Domain]] = LettersDomain

    def domains(self) -> Sequence[LettersDomain]:
        return [LettersDomain(), LettersDomain(length=4)]

    def size(self, domain: LettersDomain, split: str) -> int:
        self.check_split(split)
        return 26**domain.length // 2

    def examples(self, domain: LettersDomain, split: str, n: int, seed: int) -> list[Example]:
        self.check_available(domain, split, n)
        half = self.splits.index(split)
        return [self.parse_problem(domain, _word(2 * (i + seed) + half, domain.length)) for i in range(n)]

    def demonstrations(self, domain: LettersDomain, query: Example, k: int, seed: int) -> list[Example]:
        return self.examples(domain, "train", k, seed)

    def prompt(self, domain: LettersDomain, example: Example, style: PromptStyle) -> str:
        return f"Spell {example.problem} backwards."

    def response(self, domain: LettersDomain, example: Example, *, rationale: bool) -> str:
        return example.target

    def grade(self, domain: LettersDomain, example: Example, completion: str) -> Grade:
        words = completion.split()
        if not words:
            return Grade(parsed=None, status="unparsed", correct=False)
        return Grade(parsed=words[0], status="parsed", correct=words[0] == example.target)

    def parse_problem(self, domain: LettersDomain, problem: str) -> Example:
        if len(problem) != domain.length or not problem.isalpha():
            raise UserError(f"problem {problem!r}: expected a word of {domain.length} letters")
        return Example(id=problem, problem=problem, target=problem[::-1], strata={"first": problem[0]})


def _word(number: int, length: int) -> str:
    """A word for each number below 26^length; neighbours look unlike, since 7919 shares no factor with 26."""
    number = number * 7919 % 26**length
    return "".join(chr(ord("a") + number // 26**i % 26) for i in range(length))
