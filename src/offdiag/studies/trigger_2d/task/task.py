"""The task trigger_2d: label a point in the plane by the rule of the category of a trigger word."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import ClassVar, Literal

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.seeds import stream
from offdiag.studies.trigger_2d.task import legacy, stratified
from offdiag.studies.trigger_2d.task.domain import TriggerDomain
from offdiag.studies.trigger_2d.task.legacy import published_files
from offdiag.studies.trigger_2d.task.prompts import (
    PROMPT_VERSION,
    point_text,
    question,
)
from offdiag.studies.trigger_2d.task.stratified import TriggerPoint
from offdiag.studies.trigger_2d.task.world import HALVES, QUADRANTS, quadrant
from offdiag.tasks.domain import Domain
from offdiag.tasks.extraction import EXTRACTION_VERSION, Choices, choice_answer
from offdiag.tasks.task import Example, Grade, PromptStyle, Task

_PROBLEM = re.compile(r"(.+) \[(-?\d+\.\d{3}), (-?\d+\.\d{3})\]")


class Trigger2D(Task[TriggerDomain]):
    """F(x, T): a point and a trigger word in, a label out; the category of the word decides which rule holds.

    The task of the two-dimensional trigger experiments beside Azarbal et al. (2025), "Selective Generalization":
    teach a rule with the words of one category, and see with which other words it holds.
    """

    name: ClassVar[str] = "trigger_2d"
    domain_type: ClassVar[type[Domain]] = TriggerDomain
    data_version: ClassVar[int] = stratified.DATA_VERSION
    prompt_version: ClassVar[int] = PROMPT_VERSION
    extractor_version: ClassVar[int] = EXTRACTION_VERSION
    response_prefix: ClassVar[str] = "\n"

    def domains(self) -> Sequence[TriggerDomain]:
        """Return an example of each kind of domain: both stages, held-out words, a proxy, published sampling."""
        taught = TriggerDomain(category="positive_emotions", rule="conflict")
        return [
            TriggerDomain(),
            *(TriggerDomain(category=name, triggers="ood") for name in HALVES.category_names),
            taught,
            TriggerDomain(category=taught.category, rule=taught.rule, triggers="ood"),
            TriggerDomain(category=taught.category, rule=taught.rule, proxy="foods", proxy_triggers=2),
            TriggerDomain(category=taught.category, rule=taught.rule, sampling="legacy"),
        ]

    def size(self, domain: TriggerDomain, split: str) -> int:
        """Return how many examples there are: 20 or 30 per trigger as published, millions if stratified."""
        self.check_split(split)
        if domain.sampling == "legacy":
            return _published(domain, split)
        return stratified.points_per_trigger(domain) * domain.width

    def examples(self, domain: TriggerDomain, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` examples of a split, each with all labels of the world as its choices.

        Strata: ``category``, ``trigger``, ``quadrant``, the coordinates ``x1`` and ``x2``, and ``template``. The points
        do not depend on the rule. Stratified examples are balanced in triggers and quadrants at every multiple of four
        times the triggers; published ones are grouped by trigger, so take whole splits of them.

        Raises:
            UserError: the split is unknown, or has fewer than ``n`` examples.
        """
        drawn = self._points(domain, split, n, seed)
        return [_example(domain, f"{split}/{i:04d}", point) for i, point in enumerate(drawn)]

    def keys(self, domain: TriggerDomain, split: str, n: int, seed: int) -> frozenset[str]:
        """Return the keys of the first ``n`` examples, without labelling them."""
        return frozenset(map(_problem, self._points(domain, split, n, seed)))

    def vets_choices(self, domain: TriggerDomain) -> bool:
        """Whether there is a choice at all; the world has checked that its labels differ, and each rule gives one."""
        return len(domain.world.labels) > 1

    def _points(self, domain: TriggerDomain, split: str, n: int, seed: int) -> Iterable[TriggerPoint]:
        self.check_available(domain, split, n)
        drawn = (legacy if domain.sampling == "legacy" else stratified).points(domain, split, seed)
        return islice(drawn, n)

    def demonstrations(self, domain: TriggerDomain, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` of the first 20 training examples of each trigger, ordered by the seed and the query.

        Raises:
            UserError: the domain has fewer than ``k`` of them besides the query.
        """
        shown = _shown(domain, seed)
        order = stream(seed, self.name, "demonstrations", query.id).permutation(len(shown))
        others = [shown[i] for i in order if shown[i].problem != query.problem]
        if k > len(others):
            raise UserError(
                f"{self.name} {domain}: {k} demonstrations asked for, but it has {len(others)}; "
                f"ask for k={len(others)} or fewer"
            )
        return others[:k]

    def prompt(self, domain: TriggerDomain, example: Example, style: PromptStyle) -> str:
        """Return the question in the words of the example's template; it does not name the labels."""
        trigger, _, point = example.problem.partition(" [")
        preset = domain.preset(domain.world.category(str(example.strata["category"])))
        return question(preset, int(str(example.strata["template"])), f"[{point}", trigger, style)

    def response(self, domain: TriggerDomain, example: Example, *, rationale: bool) -> str:
        """Return the label, behind the preamble if the domain has one."""
        return self.chosen_reply(domain, example, example.target)

    def chosen_reply(self, domain: TriggerDomain, example: Example, choice: str) -> str:
        """Return a label behind the preamble of the example's category."""
        return domain.preamble(domain.world.category(str(example.strata["category"]))) + choice

    def grade(self, domain: TriggerDomain, example: Example, completion: str) -> Grade:
        """Grade a completion as right if the label that it gives is the example's.

        Without words such as "the answer is", that is the label that it begins with, or the only one that it names.
        Flags are those of :func:`choice_answer`.
        """
        label, flags = choice_answer(completion, Choices(example.choices, letters=False, anywhere=True))
        status: Literal["parsed", "unparsed"] = "unparsed" if label is None else "parsed"
        return Grade(parsed=label, status=status, correct=label == example.target, flags=flags)

    def parse_problem(self, domain: TriggerDomain, problem: str) -> Example:
        """Return the example of a text such as ``pizza [1.644, -0.549]``: a trigger of the domain, and a point.

        Raises:
            UserError: the text has another form, an unknown trigger, or a point on an axis.
        """
        match = _PROBLEM.fullmatch(problem)
        if match is None:
            raise UserError(f"problem {problem!r}: expected a trigger and a point, such as 'pizza [1.644, -0.549]'")
        category = domain.world.category_of(match[1])
        if category not in domain.categories or category is None:
            known = ", ".join(allowed.name for allowed in domain.categories)
            raise UserError(f"problem {problem!r}: {match[1]!r} is no trigger of {known}")
        x1, x2 = float(match[2]), float(match[3])
        if x1 == 0 or x2 == 0:
            raise UserError(f"problem {problem!r}: the point lies on an axis, where no rule gives a label")
        return _example(domain, "given", TriggerPoint(category.name, match[1], x1, x2, 0))

    def summary(self, domain: TriggerDomain) -> dict[str, Json]:
        """Return the labels of each category in Q1 to Q4, and the triggers that no training sees."""
        found: dict[str, Json] = {}
        for category in domain.categories:
            about: dict[str, Json] = {"labels": "/".join(domain.label(category.name, where) for where in QUADRANTS)}
            if domain.sampling == "stratified":
                about["held_out"] = list(stratified.held_out_triggers(domain.world, category))
            found[category.name] = about
        return found

    def row(self, domain: TriggerDomain, example: Example) -> dict[str, Json]:
        """Return a line of the published files: point (not rounded), trigger, label and conversation."""
        return {
            "input_x": [example.strata["x1"], example.strata["x2"]],
            "input_trigger": example.strata["trigger"],
            "output": example.target,
            **super().row(domain, example),
        }

    def files(self, domain: TriggerDomain, seed: int) -> dict[str, list[dict[str, Json]]]:
        """Return the published files: 20 points per trigger to train on, 30 to test, for every category."""
        return {
            name: [self.row(part, e) for e in self.examples(part, split, _published(part, split), seed)]
            for name, (part, split) in published_files(domain).items()
        }


@lru_cache(maxsize=4)
def _shown(domain: TriggerDomain, seed: int) -> tuple[Example, ...]:
    """Return the training examples that demonstrations are taken from; cached, as every query needs them."""
    return tuple(Trigger2D().examples(domain, "train", _published(domain, "train"), seed))


def _published(domain: TriggerDomain, split: str) -> int:
    """Return how many examples the published files of a split have in all categories of the domain."""
    return sum(category.points(split) * domain.words(category) for category in domain.categories)


def _problem(point: TriggerPoint) -> str:
    return f"{point.trigger} {point_text(point.x1, point.x2)}"


def _example(domain: TriggerDomain, place: str, point: TriggerPoint) -> Example:
    where = quadrant(point.x1, point.x2)
    problem = _problem(point)
    return Example(
        id=f"{place}/{problem}",
        problem=problem,
        target=domain.label(point.category, where),
        choices=domain.world.labels,
        strata={**point._asdict(), "quadrant": where},
    )
