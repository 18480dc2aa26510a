"""A judge: another model that is asked whether answers are good, and how its verdicts are read.

The judge's own completions are a step's result, kept as records like those of any model. Its verdict is read from them
when answers are graded, by the readers that read all answers; so a better reader grades again and asks nobody again.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from offdiag.conversation import plain
from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.models import ModelSpec
from offdiag.models.answers import TrialQuestion
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.finite import NOT_FINITE
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.earlier_answers import NOTHING_TAKEN, PARTIAL, of_killed_run, take_verdicts, unjudged
from offdiag.steps.examples import Examples, load_examples
from offdiag.steps.generations import Generations, write_answers
from offdiag.steps.model_outputs import ideal_responses, samples_of
from offdiag.steps.step import Finished, Step, Unanswered, Work
from offdiag.steps.weights import Weights
from offdiag.tasks import Example, Grade
from offdiag.tasks.extraction import EXTRACTION_VERSION, YES_NO, Choices, choice_answer
from offdiag.tasks.extraction.completions import reply_in

if TYPE_CHECKING:
    from offdiag.models.answers import Completion

YES_OR_NO = """Question:
{question}

Reference answer:
{target}

Answer to judge:
{answer}

Does the answer to judge say what the reference answer says? Reply with yes or no."""
ON_A_SCALE = """Question:
{question}

Reference answer:
{target}

Answer to judge:
{answer}

How good is the answer to judge, on a scale from {low} (worst) to {high} (best)? Reply with one number."""
_FIELD = re.compile(r"\{(\w*)\}")
_FIELDS = frozenset({"question", "target", "answer", "low", "high"})
_REPLY_PREFIX = "\n"
_WIDEST = 100  # of a scale


class Judge(Identity):
    """A model that judges answers, and the words in which it is asked; all of it is part of identities.

    Attributes:
        model: which is asked, greedily.
        template: the question to it, with ``{answer}`` and, as wanted, ``{question}`` and ``{target}``; ``{low}`` and
            ``{high}`` are the ends of the scale. By default it asks whether the answer says what the target says, or
            how good it is.
        scale: lowest and highest whole number that the judge may give, whose verdicts become scores from 0 to 1; None
            where it says yes (right) or no (wrong).
        max_new_tokens: of its reply, which may reason first. chat: settings of its chat template.
    """

    tag: ClassVar[str] = "judge"
    model: ModelSpec
    template: str = ""
    scale: tuple[int, int] | None = None
    max_new_tokens: int = Field(default=64, ge=1)
    chat: ChatSettings = AS_THE_TEMPLATE

    @model_validator(mode="after")
    def _asks_for_an_answer(self) -> Self:
        named = set(_FIELD.findall(self.template))
        if self.template and "answer" not in named:
            raise UserError("the template of a judge has no {answer}: write where the answer to judge stands")
        if unknown := sorted(named - _FIELDS):
            known = "{question}, {target}, {answer}, {low} and {high}"
            raise UserError(f"the template of a judge has {{{unknown[0]}}}: there are {known}")
        if self.scale is not None and not 0 <= self.scale[0] < self.scale[1] <= self.scale[0] + _WIDEST:
            raise UserError(
                f"scale {self.scale[0]} to {self.scale[1]} of a judge: expected a lowest number of at least 0 and a "
                f"highest one, at most {_WIDEST} above it"
            )
        return self

    @property
    def label(self) -> str:
        """Short name for folders and tables."""
        return f"judged-by-{self.model.short_name}"

    @property
    def metric(self) -> str:
        """The name of its score; empty where it says right or wrong."""
        return "" if self.scale is None else f"judge {self.scale[0]}-{self.scale[1]}"

    @property
    def words(self) -> str:
        """The template, or the one that stands for an empty one."""
        return self.template or (YES_OR_NO if self.scale is None else ON_A_SCALE)

    @property
    def reading(self) -> Json:
        """What its verdicts depend on besides what it was asked."""
        return {"extractor_version": EXTRACTION_VERSION, "scale": None if self.scale is None else list(self.scale)}

    def question(self, example: Example, prompt: str, answer: str) -> str:
        """Return the user's turn that asks for a verdict; the thinking of the answer is left out."""
        low, high = self.scale or (0, 1)
        given = {
            "question": example.problem or prompt,
            "target": " or ".join((example.target, *example.references)),
            "low": low,
            "high": high,
        }
        reply = reply_in(answer).text or ""
        filled = {name: str(value) for name, value in {**given, "answer": reply.strip() or "(nothing)"}.items()}
        filled["question"] = plain(filled["question"])
        return _FIELD.sub(lambda found: filled[found[1]], self.words)  # once, so that braces in an answer stay

    def grade(self, answer: str, verdict: Mapping[str, Any]) -> Grade:
        """Return the grade that a judge's reply gives an answer.

        An answer without a text is unparsed, whatever the judge says. Where the judge gives no verdict the answer is
        ungraded: an error that is counted, and in no score.
        """
        text = reply_in(answer).text
        if text is None or not text.strip():
            return Grade(parsed=None, status="unparsed", correct=False)
        said = " ".join(text.split())[:80]
        found, flags = choice_answer(str(verdict["completion"]), self._offered)
        if found is None or verdict["finish"] == NOT_FINITE or self._of_another_scale(verdict["completion"], found):
            return Grade(parsed=said, status="ungraded", correct=False, flags=("the judge gave no verdict",))
        if self.scale is None:
            return Grade(parsed=said, status="parsed", correct=found == YES_NO[0], flags=flags)
        low, high = self.scale
        score = (int(found) - low) / (high - low)
        return Grade(parsed=said, status="parsed", correct=score == 1, flags=flags, score=score)

    @cached_property
    def _offered(self) -> Choices:
        """The verdicts that the judge may give."""
        if self.scale is None:
            return Choices(YES_NO, letters=False)
        return Choices(tuple(map(str, range(self.scale[0], self.scale[1] + 1))), letters=False, anywhere=True)

    def _of_another_scale(self, spoken: str, found: str) -> bool:
        """Return whether a number is one of another scale, as the 4 of 4/10 is on a scale from 1 to 5."""
        ends = re.findall(rf"(?<!\d){found}\s*(?:/|out of)\s*(\d+)", spoken)
        return self.scale is not None and any(int(end) != self.scale[1] for end in ends)


class Judgements(Step):
    """What a judge replies to each answer, sample by sample.

    Attributes:
        judge: which is asked. weights: of its model. answers: that are judged.
    """

    kind: ClassVar[str] = "judgements"
    needs_weights: ClassVar[bool] = False
    judge: Judge
    weights: Weights
    answers: Generations

    @classmethod
    def of(cls, judge: Judge, answers: Generations) -> Self:
        """Return the step that has ``answers`` judged."""
        return cls(judge=judge, weights=Weights.of(judge.model), answers=answers)

    @property
    def name(self) -> str:
        return f"{self.answers.name}.{self.judge.label}"

    @property
    def group(self) -> str | None:
        return None if self.weights.spec.origin.served else self.weights.group

    @cached_property
    def inputs(self) -> tuple[Step, ...]:
        """The examples, the answers to them, and the judge's weights where they have to be converted first."""
        return (self.examples, self.answers, *filter(None, (self.weights.converted,)))

    @property
    def examples(self) -> Examples:
        """The examples that were answered."""
        return self.answers.examples

    @property
    def settings(self) -> ChatSettings:
        """The settings of the judge's chat template: its own, or else those of its model."""
        return self.judge.chat.over(self.weights.spec.chat)

    def canonical(self) -> dict[str, Json]:
        judge: dict[str, Json] = {**self.judge.canonical(), "template": self.judge.words}
        del judge["model"]  # its weights say it, by their content
        return {**super().canonical(), "judge": judge, **self.weights.rendering("asked")}

    def check(self) -> None:
        super().check()
        self.weights.check_template(self.settings)

    def trial(self) -> tuple[ModelSpec, TrialQuestion] | None:
        spec = self.weights.spec
        if not spec.origin.served:
            return None
        first = Examples(domain=self.examples.domain, split=self.examples.split, n=1, seed=self.examples.seed).sample()
        asked = self.judge.question(first[0], first[0].problem, first[0].target)
        return spec, TrialQuestion(asked, (), _REPLY_PREFIX, self.settings)

    def cost(self, probe: CostProbe) -> CostLine:
        ideal = ideal_responses(probe, self.examples, rationale=False)
        items = probe.sample(self.examples)
        asked = [self.judge.question(e, e.problem, answer) for e, answer in zip(items, ideal, strict=True)]
        return probe.generate(
            self, self.weights, asked, ["yes"], items=items, n=self.examples.n * self.answers.samples,
            max_new_tokens=self.judge.max_new_tokens,
        )  # fmt: skip

    def unanswered(self, finished: Finished, folder: Path) -> Unanswered:
        every, kept = self.examples.n * self.answers.samples, of_killed_run(folder)
        new = max(0, every - (kept or 0))
        if kept is None and self.weights.spec.holds_alone:
            new = unjudged(self, self.answers, lambda *there: self._questions(self._judged(*there)), finished)
        if new in (0, every):
            return Unanswered(self if new else None, every - new, new)
        part = self.model_copy(update={"answers": self.answers.asking(new, 1)})
        return Unanswered(part, every - new, new)

    def _judged(self, examples: Sequence[Example], folder: Path) -> list[tuple[Example, Mapping[str, Any]]]:
        """Return the answers in a folder, sample by sample, each with its example."""
        answers = samples_of(examples, folder, self.answers.samples)
        return [(example, answer) for example, own in zip(examples, answers, strict=True) for answer in own]

    def _questions(self, judged: Sequence[tuple[Example, Mapping[str, Any]]]) -> list[str]:
        """Return what the judge is asked about each answer."""
        return [self.judge.question(example, answer["prompt"], answer["completion"]) for example, answer in judged]

    def run(self, work: Work) -> dict[str, Json]:
        """Ask the judge about each answer; a killed run goes on with those that it has no reply to.

        What it replied in a finished step to the same question is taken, see :mod:`offdiag.steps.earlier_answers`.
        """
        each = self._judged(load_examples(work.output(self.examples)), work.output(self.answers))
        prompts = self._questions(each)

        def ask(asked: Sequence[int], skip: Container[int]) -> "Iterator[list[Completion]]":
            return work.answering(self.weights).generate(
                [prompts[i] for i in asked],
                max_new_tokens=self.judge.max_new_tokens,
                skip=skip,
                response_prefix=_REPLY_PREFIX,
                settings=self.settings,
            )

        named = [{name: value for name, value in own.items() if name in ("example", "sample")} for _, own in each]
        taken = NOTHING_TAKEN
        if self.weights.spec.holds_alone:
            taken = take_verdicts(self, work, named, prompts, work.folder / PARTIAL)
        return write_answers(work, named, prompts, ask, taken)
