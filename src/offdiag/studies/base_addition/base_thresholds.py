"""The study base-thresholds: small models learn additions from nothing, with chosen shares of the bases."""

from pydantic import Field

from offdiag.steps import Pretrained
from offdiag.studies.base_addition.analyses.thresholds import Thresholds, ThresholdSlopes
from offdiag.studies.base_addition.episodes import Episodes
from offdiag.studies.base_addition.figures.episode_curves import EpisodeCurvesFigure
from offdiag.studies.base_addition.figures.thresholds import ThresholdFigure
from offdiag.studies.base_addition.measurements.episode_curves import EpisodeCurves
from offdiag.study import Design, StudyParams, study
from offdiag.training import Decoder, PretrainingRecipe


class ThresholdParams(StudyParams):
    """Parameters of base-thresholds: the stream of episodes, the model and its evaluation.

    Attributes:
        episodes: bases, shares, noise and operands of the stream.
        rotations: assignments of the shares to the bases: the first as listed in ``episodes``, each further one moved
            on by one base; with as many as bases, each base has each share once.
        seeds: trainings per assignment. n_eval: sequences per base.
    """

    episodes: Episodes = Episodes()
    decoder: Decoder = Decoder(architecture="gpt2", expansion=2, initial_std=0.05)
    recipe: PretrainingRecipe = PretrainingRecipe(updates=6000, batch_size=32)
    rotations: int = Field(default=4, ge=1)
    seeds: tuple[int, ...] = (0, 1, 2)
    n_eval: int = Field(default=300, ge=1)


CPU = ThresholdParams()
QUICK = ThresholdParams(
    decoder=Decoder(architecture="gpt2", width=48, heads=3, expansion=2, initial_std=0.06),
    recipe=PretrainingRecipe(updates=5000, batch_size=24, learning_rate=4e-3),
    rotations=1, seeds=(0,),
)  # fmt: skip
PAPER = ThresholdParams(
    episodes=Episodes(
        bases=(7, 8, 9, 10, 11, 12), shares=(0.02, 0.04, 0.08, 0.16, 0.30, 0.40), demonstrations=24
    ),
    decoder=Decoder(architecture="gpt2", width=256, depth=6, heads=8, expansion=4, initial_std=0.02),
    recipe=PretrainingRecipe(updates=20_000, batch_size=128, learning_rate=1e-3),
    rotations=6, seeds=(0, 1, 2, 3, 4), n_eval=1000,
)  # fmt: skip

ANALYSES = (
    Thresholds(name="thresholds", caption="k50 of models and ideal observer, by base and share of the training."),
    ThresholdSlopes(name="slopes", caption="Demonstrations needed per nat of -ln(share)."),
)
FIGURES = (
    EpisodeCurvesFigure(name="curves", caption="Accuracy over k, on sums that tell all bases apart."),
    ThresholdFigure(name="thresholds", caption="k50 against -ln(share): the claim is a line that rises."),
)


@study("base-thresholds", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def base_thresholds(p: ThresholdParams) -> Design:
    """Thresholds under control: small models that saw each base a chosen number of times.

    The claim: the k-shot threshold of a base follows how well the base is anchored. Under Bayes' rule demonstrations
    that tell two bases apart are worth the same evidence whatever the bases' shares of the training, so k50 grows
    with -ln(share), and a base that prevails needs no demonstration at all. Figure thresholds tests it, for the models
    and for the ideal observer, who knows the shares and the noise; figure curves shows the accuracies behind it.

    Shares rotate over the bases, so that the difficulty of a base can be told apart from its share.
    """
    models = [
        Pretrained(stream=p.episodes.rotated(rotation), decoder=p.decoder, recipe=p.recipe, seed=seed)
        for rotation in range(p.rotations)
        for seed in p.seeds
    ]
    measurements = tuple(EpisodeCurves(model=model, n=p.n_eval) for model in models)
    return Design(measurements=measurements, analyses=ANALYSES, figures=FIGURES)
