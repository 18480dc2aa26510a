"""The step that lets a model choose the most likely of the declared answers."""

import time
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.finite import NOT_FINITE
from offdiag.models.rendering import RENDERING, Rendered, spans_differed
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.earlier_answers import PARTIAL, forget, take_answers, unanswered
from offdiag.steps.examples import check_choices, chosen_replies, load_examples, require_choices
from offdiag.steps.jsonl import append_jsonl, in_chunks, recover_jsonl, write_jsonl
from offdiag.steps.model_outputs import ModelOutputs, shortened_prompts
from offdiag.steps.step import Finished, Unanswered, Work
from offdiag.tasks import Example, get_task
from offdiag.tasks.data import once

if TYPE_CHECKING:
    from offdiag.models.answers import Score, ScoresEach

Normalisation: TypeAlias = Literal["none", "tokens", "characters", "bytes", "unconditional"]


class LoglikelihoodChoices(ModelOutputs):
    """The most likely choice of each example, by the summed log-probability of its tokens after the prompt.

    All choices of an example are scored over one span, see :meth:`offdiag.models.chat.Chat.compared`.

    Attributes:
        per: what the sum is divided by before the choices are compared: nothing, or the choice's tokens, characters or
            bytes (UTF-8). With ``"unconditional"`` the log-probability of the same reply to no question is taken off:
            the pointwise mutual information of question and choice (Holtzman et al. 2021, arXiv 2104.08315), by which
            a choice does not win because it is common.
    """

    kind: ClassVar[str] = "answers"
    tag: ClassVar[str] = "choices"
    rendered: ClassVar[Rendered] = "compared"
    needs_weights: ClassVar[bool] = False
    per: Normalisation = "none"

    @property
    def name(self) -> str:
        return f"{super().name}.choice" + ("" if self.per == "none" else f"-per-{self.per}")

    @property
    def gives_losses(self) -> bool:
        return self.per == "none" and not self.weights.spec.origin.served

    def canonical(self) -> dict[str, Json]:
        canonical = super().canonical()
        origin = self.weights.spec.origin
        if "rendering" not in canonical and once(self._spans_differed, "spans", origin.name, self.examples, self.style):
            canonical["rendering"] = RENDERING
        return canonical

    def _spans_differed(self) -> bool:
        """Return whether choices were once scored over different spans; of models whose files are here."""
        origin = self.weights.spec.origin
        if not origin.is_here() or origin.release() is not None:
            return False
        try:
            drawn = self.examples.sample()
        except UserError:
            return False  # told when the plan is checked
        domain, task = self.examples.domain, get_task(self.examples.domain.task)
        asked = [(task.prompt(domain, example, self.style), chosen_replies(domain, example)) for example in drawn]
        return spans_differed(origin, self.response_prefix, asked)

    def check(self) -> None:
        super().check()
        check_choices(self.examples)
        spec = self.weights.spec
        if spec.origin.served and (
            self.per == "unconditional" or (self.per != "none" and self.settings.format == "chat")
        ):
            raise UserError(
                f"{self.name}: the server of {spec.source} gives no whole log-probability for per={self.per!r}: leave "
                "per out, or (but for 'unconditional') set chat={'format': 'completion'} where it scores prompts"
            )

    def cost(self, probe: CostProbe) -> CostLine:
        items, prompts = probe.sample(self.examples), self.sampled_prompts(probe)
        choices = [chosen_replies(self.examples.domain, example) for example in items]
        whole = self.settings.format == "completion"
        return probe.score(self, self.weights, prompts, choices, items=items, n=self.examples.n, whole=whole)

    def unanswered(self, finished: Finished, folder: Path) -> Unanswered:
        return unanswered(self, finished, folder)

    def run(self, work: Work) -> dict[str, Json]:
        """Score the choices chunk by chunk; a killed run goes on after the last whole chunk.

        Those of a server are kept question by question, as they come.
        What a finished step chose after the same prompt is taken, see :mod:`offdiag.steps.earlier_answers`.
        """
        started, domain = time.monotonic(), self.examples.domain
        examples = load_examples(work.output(self.examples))
        require_choices(self.examples, examples)
        partial = work.folder / PARTIAL
        prompts = self.prompts(work, examples)
        taken = take_answers(self, work, examples, prompts, partial)
        left = [i for i in range(len(examples)) if i not in taken.records]
        alone: dict[tuple[str, ...], list[Score]] = {}
        fitting = self.fitting(work, examples, prompts)

        def choose(chunk: range) -> list[dict[str, Any]]:
            model, places = work.answering(self.weights), [left[place] for place in chunk]
            options = [chosen_replies(domain, examples[i]) for i in places]
            prefix, settings = self.response_prefix, self.settings
            scored = fitting.asked(places, lambda asked: model.score(asked, options, prefix, settings))
            if self.per == "unconditional":
                new = [own for own in dict.fromkeys(options) if own not in alone]
                alone.update(zip(new, model.score_unasked(new, self.response_prefix, self.settings), strict=True))
            return [
                self._record(i, examples[i], prompts[i], scores, alone.get(own, ())) | fitting.noted(i)
                for i, scores, own in zip(places, scored, options, strict=True)
            ]

        done = len(taken.records)

        def progress(n: int, of: int) -> None:
            work.progress(done + n, done + of)

        if self.weights.spec.origin.served:
            new = self._one_by_one(work, [(i, examples[i], prompts[i]) for i in left], partial, progress)
        else:
            new = in_chunks(partial, len(left), choose, progress)
        records = sorted([*taken.records.values(), *new], key=itemgetter("index"))
        if self.weights.spec.origin.served and all(record["finish"] == NOT_FINITE for record in records):
            raise UserError(
                f"the server of {self.weights.spec.source} lists the likeliest first tokens, and no choice is one of "
                "them: give choices of one token, such as A and B, or set answering='generation'"
            )
        write_jsonl(work.folder / "answers.jsonl", records)
        forget(work.folder, partial)
        seconds = round(time.monotonic() - started + taken.seconds, 3)
        return {"n": len(records), **shortened_prompts(records), "seconds": seconds}

    def _one_by_one(
        self,
        work: Work,
        asked: Sequence[tuple[int, Example, str]],
        partial: Path,
        progress: Callable[[int, int], None],
    ) -> list[Mapping[str, Any]]:
        """Ask a server what a killed or failed run has not been told; each record is kept as soon as it comes."""
        kept = {record.get("index"): record for record in recover_jsonl(partial)}
        records: dict[int, Mapping[str, Any]] = {
            i: kept[i] for i, example, _ in asked if kept.get(i, {}).get("example") == example.id
        }
        rest = [one for one in asked if one[0] not in records]
        progress(len(records), len(asked))
        if rest:
            model = cast("ScoresEach", work.answering(self.weights))
            prompts = [prompt for *_, prompt in rest]
            options = [chosen_replies(self.examples.domain, example) for _, example, _ in rest]
            for place, scores in model.score_each(prompts, options, self.response_prefix, self.settings):
                if self.per != "none" and not all(score.exact for score in scores):
                    raise UserError(f"the server lists the likeliest tokens only: leave per={self.per!r} out")
                i, example, prompt = rest[place]
                records[i] = self._record(i, example, prompt, scores, ())
                append_jsonl(partial, [records[i]])
                progress(len(records), len(asked))
        return list(records.values())

    def _record(
        self, index: int, example: Example, prompt: str, scores: "Sequence[Score]", alone: "Sequence[Score]"
    ) -> dict[str, Any]:
        compared = self._compared(chosen_replies(self.examples.domain, example), scores, alone)
        best = int(compared.argmax()) if np.isfinite(compared).all() else None  # of a NaN nothing is the largest
        return {
            "index": index,
            "example": example.id,
            "prompt": prompt,
            "completion": "" if best is None else example.choices[best],
            "n_tokens": 0 if best is None else scores[best].n_tokens,
            "finish": NOT_FINITE if best is None else "choice",
            "scores": [round(float(value), 6) for value in compared],
        }

    def _compared(
        self, choices: Sequence[str], scores: "Sequence[Score]", alone: "Sequence[Score]"
    ) -> NDArray[np.float64]:
        """Return the numbers by which the choices of one example are compared."""
        sums = np.array([score.logprob for score in scores])
        match self.per:
            case "none":
                return sums
            case "tokens":
                return sums / [score.n_tokens for score in scores]
            case "characters":
                return sums / [len(choice) for choice in choices]
            case "bytes":
                return sums / [len(choice.encode()) for choice in choices]
            case "unconditional":
                return sums - [score.logprob for score in alone]
