"""What is made of the results: tables and figures, for the studies to choose from."""

from typing import NamedTuple

from offdiag.analyses import (
    Convergence,
    Forgetting,
    PairDifferences,
    ProbeGeneralisation,
    StudyAnalysis,
    TaskLearning,
    TransferImprovement,
    TransferStatistics,
)
from offdiag.analyses.selection import Where
from offdiag.figures import (
    AlignmentMatrix,
    CityMaps,
    ConvergenceFigure,
    Emergence,
    ProbeErrors,
    StudyFigure,
    TransferMatrixFigure,
    WorldMapFigure,
)
from offdiag.studies.world_map.params import MapParams
from offdiag.tasks.world_map import World


class Outputs(NamedTuple):
    """Tables and figures that belong together."""

    analyses: tuple[StudyAnalysis, ...] = ()
    figures: tuple[StudyFigure, ...] = ()


def learning(p: MapParams) -> Outputs:
    """The worlds, what the pre-trained models learnt of them, and when."""
    middle: Where = {"layer": p.layers[-2]}
    worlds = tuple(
        WorldMapFigure(
            name="world" if len(p.groups) == 1 else f"world-{group}",
            world=p.world.model_copy(update={"new": group}),
            caption="The cities by region; the new ones are those that fine-tuning is about.",
        )
        for group in p.groups
    )
    emergence = Emergence(name="emergence", where=middle, caption="How well linear probes read coordinates off, by update.")
    maps = CityMaps(name="maps", caption="The cities, and where a probe and principal components put them.")
    return Outputs(
        (
            TaskLearning(name="learning", arms=arms(p), caption="What pre-trained models can do, beside guessing."),
        ),
        (*worlds, *((emergence,) if p.snapshots else ()), maps),
    )


def transfer(p: MapParams) -> Outputs:
    """The three matrices of every width, as published and with equally many updates."""
    published: Where = {"n_train": p.rows}
    matched: Where = {"updates": p.tuning.updates}
    analyses: list[StudyAnalysis] = [
        TransferStatistics(
            name="transfer", arms=arms(p), where=published,
            caption="Normalised improvement on new cities; two tasks beside their best specialist.",
        ),
        TransferImprovement(name="improvement", arms=arms(p), where=published, caption="Every square of the matrices."),
        PairDifferences(name="pair-differences", arms=arms(p), where=published, caption="Pairs minus specialists."),
        Forgetting(name="forgetting", arms=arms(p), where=published, caption="Ordinary cities before and after."),
    ]  # fmt: skip
    if p.step_matched and p.pairs:
        caption = "The same with half the rows of each of two tasks, so that all have as many updates."
        analyses.append(TransferStatistics(name="transfer-matched", arms=arms(p), where=matched, caption=caption))
    captions = {
        "single": "Improvement on new cities by what they were taught through (T: trained).",
        "pair": "The same, taught through two geometries.",
        "difference": "Two geometries minus the better of their specialists: red hinders, blue helps.",
    }
    squares = [
        TransferMatrixFigure(name=name, matrix=name, arms=arms(p), where=published, caption=caption)  # type: ignore[arg-type]
        for name, caption in captions.items()
        if p.pairs or name == "single"
    ]
    return Outputs(tuple(analyses), tuple(squares))


def probing(p: MapParams) -> Outputs:
    """Whether new cities come to lie on the map of the others."""
    middle: Where = {"layer": p.layers[-2]}
    return Outputs(
        (ProbeGeneralisation(name="probes", where=middle, caption="Errors of probes of ordinary cities, by training."),),
        (ProbeErrors(name="probe-errors", where=middle, caption="The same for every training."),),
    )


def converging(p: MapParams) -> Outputs:
    """Whether models that share no task hold the cities alike."""
    middle: Where = {"layer": p.layers[-2]}
    return Outputs(
        (Convergence(name="convergence", caption="Alignment of models with disjoint tasks, by how many each knows."),),
        (
            ConvergenceFigure(name="convergence", caption="Alignment of models with disjoint tasks, by number of tasks."),
            AlignmentMatrix(name="alignment", where=middle, caption="Alignment of every two trainings."),
        ),
    )


def arms(p: MapParams) -> tuple[str, ...]:
    """What tells the models of a study apart: their width, and their new cities if there are several groups."""
    return ("model",) if len(p.groups) == 1 else ("model", "train_new")
