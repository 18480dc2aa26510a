"""What is made of the results: tables and figures, for the studies to choose from."""

from typing import NamedTuple

from offdiag.analyses import StudyAnalysis
from offdiag.analyses.selection import Where
from offdiag.figures import StudyFigure
from offdiag.studies.world_map.analyses.alignment import Convergence
from offdiag.studies.world_map.analyses.alignment_transfer import AlignmentTransfer
from offdiag.studies.world_map.analyses.forgetting import Forgetting
from offdiag.studies.world_map.analyses.pair_differences import PairDifferences
from offdiag.studies.world_map.analyses.probe_generalisation import ProbeGeneralisation
from offdiag.studies.world_map.analyses.task_learning import TaskLearning
from offdiag.studies.world_map.analyses.transfer_improvement import TransferImprovement
from offdiag.studies.world_map.analyses.transfer_statistics import TransferStatistics
from offdiag.studies.world_map.analyses.transfer_to_untrained import HandedOn
from offdiag.studies.world_map.figures.alignment_matrix import AlignmentMatrix
from offdiag.studies.world_map.figures.alignment_transfer import AlignmentTransferFigure
from offdiag.studies.world_map.figures.convergence import ConvergenceFigure
from offdiag.studies.world_map.figures.difference_split import DifferenceSplit
from offdiag.studies.world_map.figures.emergence import Emergence
from offdiag.studies.world_map.figures.geometry_learning import GeometryLearning
from offdiag.studies.world_map.figures.maps import CityMaps
from offdiag.studies.world_map.figures.probe_errors import ProbeErrors
from offdiag.studies.world_map.figures.transfer_by_arm import TransferByArm
from offdiag.studies.world_map.figures.transfer_matrices import TransferMatrixFigure
from offdiag.studies.world_map.figures.world import WorldMapFigure
from offdiag.studies.world_map.params import MapParams


class Outputs(NamedTuple):
    """Tables and figures that belong together."""

    analyses: tuple[StudyAnalysis, ...] = ()
    figures: tuple[StudyFigure, ...] = ()

    def and_(self, *others: "Outputs") -> "Outputs":
        """These and then those of the others."""
        parts = (self, *others)
        return Outputs(
            tuple(analysis for part in parts for analysis in part.analyses),
            tuple(figure for part in parts for figure in part.figures),
        )


def learning(p: MapParams) -> Outputs:
    """The worlds, what the pre-trained models learnt of them, and when."""
    middle: Where = {"layer": p.layers[-2]}
    taught = (*arms(p), "train_geometry") if len(p.taught) > 1 else arms(p)
    worlds = tuple(
        WorldMapFigure(
            name="world" if len(p.groups) == 1 else f"world-{group}",
            world=p.world.model_copy(update={"new": group}),
            caption="The cities by region; the new ones are those that fine-tuning is about.",
        )
        for group in p.groups
    )
    on_the_way: tuple[StudyFigure, ...] = (
        GeometryLearning(name="learning", arms=taught, caption="What pre-trained models can do, by update."),
        Emergence(name="emergence", where=middle, caption="How well linear probes read coordinates off, by update."),
    )
    maps = CityMaps(name="maps", caption="The cities, and where a probe and principal components put them.")
    return Outputs(
        (TaskLearning(name="learning", arms=taught, caption="What pre-trained models can do, beside guessing."),),
        (*worlds, *(on_the_way if p.snapshots else ()), maps),
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
        HandedOn(name="handed-on", arms=arms(p), where=published, caption="Improvement on what was not taught."),
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
    figures: list[StudyFigure] = [
        TransferMatrixFigure(name=name, matrix=name, arms=arms(p), where=published, caption=caption)
        for name, caption in captions.items()
        if p.pairs or name == "single"
    ]
    if p.pairs:
        caption = "Every square of the difference, with distance and without."
        figures.append(DifferenceSplit(name="split", arms=arms(p), where=published, caption=caption))
    if len(p.widths) * len(p.groups) > 1:
        caption = "Trained, transfer and difference, model by model."
        figures.append(TransferByArm(name="by-model", arms=arms(p), where=published, caption=caption))
    return Outputs(tuple(analyses), tuple(figures))


def probing(p: MapParams) -> Outputs:
    """Whether new cities come to lie on the map of the others."""
    middle: Where = {"layer": p.layers[-2], "n_train": p.rows}
    return Outputs(
        (
            ProbeGeneralisation(
                name="probes", arms=arms(p), where=middle, caption="Errors of probes of ordinary cities, by training."
            ),
        ),
        (ProbeErrors(name="probe-errors", arms=arms(p), where=middle, caption="The same for every training."),),
    )


def converging(p: MapParams) -> Outputs:
    """Whether models that share no task hold the cities alike."""
    middle: Where = {"layer": p.layers[-2]}
    return Outputs(
        (Convergence(name="convergence", caption="Alignment of models with disjoint tasks, by how many each knows."),),
        (
            ConvergenceFigure(
                name="convergence", caption="Alignment of models with disjoint tasks, by number of tasks."
            ),
            AlignmentMatrix(name="alignment", where=middle, caption="Alignment of every two trainings."),
        ),
    )


def aligned(p: MapParams) -> Outputs:
    """Whether geometries that lead to like maps hand on more to each other."""
    where, measured = {"n_train": p.rows}, {"layer": p.layers[-2]}
    caption = "Alignment of models of one geometry each, and improvement of one on the other."
    return Outputs(
        (AlignmentTransfer(name="alignment-transfer", where=where, measured=measured, caption=caption),),
        (AlignmentTransferFigure(name="alignment-transfer", where=where, measured=measured, caption=caption),),
    )


def arms(p: MapParams) -> tuple[str, ...]:
    """What tells the models of a study apart: their width, and their new cities if there are several groups."""
    return ("model",) if len(p.groups) == 1 else ("model", "train_new")
