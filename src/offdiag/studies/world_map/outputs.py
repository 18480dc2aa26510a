"""Tables and figures of the world map studies, in groups that each study chooses from."""

from typing import NamedTuple

from offdiag.analyses import StudyAnalysis
from offdiag.analyses.selection import Where
from offdiag.figures import StudyFigure
from offdiag.studies.world_map.analyses.alignment import Convergence
from offdiag.studies.world_map.analyses.alignment_transfer import AlignmentTransfer
from offdiag.studies.world_map.analyses.city_cells import START
from offdiag.studies.world_map.analyses.forgetting import Forgetting
from offdiag.studies.world_map.analyses.pair_differences import PairDifferences
from offdiag.studies.world_map.analyses.probe_generalisation import ProbeGeneralisation
from offdiag.studies.world_map.analyses.task_learning import TaskLearning
from offdiag.studies.world_map.analyses.transfer_improvement import TransferImprovement
from offdiag.studies.world_map.analyses.transfer_statistics import TransferStatistics
from offdiag.studies.world_map.analyses.transfer_to_untrained import TransferToUntrained
from offdiag.studies.world_map.analyses.upper_bound import UpperBound
from offdiag.studies.world_map.figures.alignment_matrix import AlignmentMatrix
from offdiag.studies.world_map.figures.alignment_transfer import AlignmentTransferFigure
from offdiag.studies.world_map.figures.city_map import WorldMapFigure
from offdiag.studies.world_map.figures.convergence import ConvergenceFigure
from offdiag.studies.world_map.figures.decoded_maps import CityMaps
from offdiag.studies.world_map.figures.difference_split import DifferenceSplit
from offdiag.studies.world_map.figures.emergence import Emergence
from offdiag.studies.world_map.figures.geometry_learning import GeometryLearning
from offdiag.studies.world_map.figures.probe_errors import ProbeErrors
from offdiag.studies.world_map.figures.transfer_by_arm import TransferByArm
from offdiag.studies.world_map.figures.transfer_cells import SIZES
from offdiag.studies.world_map.figures.transfer_matrices import TransferMatrixFigure
from offdiag.studies.world_map.figures.upper_bound import UpperBoundFigure
from offdiag.studies.world_map.params import MapParams

BOUND_CAPTION = "Models that met the new cities in pre-training, beside what fine-tuning reaches."


class Outputs(NamedTuple):
    """A group of tables and figures."""

    analyses: tuple[StudyAnalysis, ...] = ()
    figures: tuple[StudyFigure, ...] = ()

    def and_(self, *others: "Outputs") -> "Outputs":
        """Return this group followed by the others, as one."""
        parts = (self, *others)
        return Outputs(
            tuple(analysis for part in parts for analysis in part.analyses),
            tuple(figure for part in parts for figure in part.figures),
        )


def learning(p: MapParams) -> Outputs:
    """Return maps of the worlds, and accuracy, probes and decoded maps of the models over pre-training."""
    middle: Where = {"layer": p.layers[-2]}
    trainings = tuple("train_geometry" if name == START else name for name in arms(p))
    worlds = tuple(
        WorldMapFigure(
            name="world" if len(p.groups) == 1 else f"world-{group}",
            world=p.world.model_copy(update={"new": group}),
            caption="The cities by region; the new ones are those that fine-tuning is about.",
        )
        for group in p.groups
    )
    over_training: tuple[StudyFigure, ...] = (
        GeometryLearning(
            name="learning",
            arms=trainings,
            caption="Accuracy or error of pre-trained models on each geometry, by update.",
        ),
        Emergence(
            name="emergence",
            where=middle,
            series=tuple(dict.fromkeys((*trainings, "train_geometry"))),
            caption="How well linear probes decode coordinates, by update.",
        ),
    )
    maps = CityMaps(name="maps", caption="True places, and where a probe and principal components put the cities.")
    caption = "Accuracy or error of pre-trained models on each geometry, beside guessing."
    return Outputs(
        (TaskLearning(name="learning", arms=trainings, caption=caption),),
        (*worlds, *(over_training if p.snapshots else ()), maps),
    )


def transfer(p: MapParams) -> Outputs:
    """Return the transfer matrices of every width: single, pair and difference, with their statistics."""
    published: Where = {"n_train": p.rows}
    matched: Where = {"updates": p.tuning.updates}
    analyses: list[StudyAnalysis] = [
        TransferStatistics(
            name="transfer", arms=arms(p), where=published,
            caption="Mean normalised improvement on new cities; pairs of geometries beside their better specialist.",
        ),
        TransferToUntrained(
            name="handed-on", arms=arms(p), where=published, caption="Mean improvement on the untrained geometries."
        ),
        TransferImprovement(name="improvement", arms=arms(p), where=published, caption="Improvement per matrix cell."),
        PairDifferences(
            name="pair-differences", arms=arms(p), where=published, caption="Pairs minus their better specialist."
        ),
        Forgetting(
            name="forgetting", arms=arms(p), where=published, caption="Ordinary cities before and after fine-tuning."
        ),
    ]  # fmt: skip
    if p.upper_bound:
        analyses.append(UpperBound(name="upper-bound", arms=arms(p), caption=BOUND_CAPTION))
    if p.step_matched and p.pairs:
        caption = "The same where pairs have half the rows of each geometry, so that all models have as many updates."
        analyses.append(TransferStatistics(name="transfer-matched", arms=arms(p), where=matched, caption=caption))
    captions = {
        "single": "Improvement on new cities, by the geometry that was trained on (T: trained).",
        "pair": "The same after training on two geometries.",
        "difference": "Two geometries minus the better specialist, chosen by its own scores, as published.",
        "held-out": "Two geometries minus the better specialist, chosen by other answers: red is interference.",
        "triple": "The same after training on three geometries.",
        "triple-held-out": "Three geometries minus the best specialist, chosen by other answers.",
    }
    sizes = {len(taught.split("+")) for taught in (*p.singles, *p.pairs, *p.triples)}
    figures: list[StudyFigure] = [
        TransferMatrixFigure(name=name, matrix=name, arms=arms(p), where=published, caption=caption)
        for name, caption in captions.items()
        if SIZES[name] in sizes
    ]
    if p.upper_bound:
        figures.append(UpperBoundFigure(name="upper-bound", arms=arms(p), where=published, caption=BOUND_CAPTION))
    if 2 in sizes:
        caption = "Every cell of the difference in both forms, for pairs with distance and without."
        figures.append(DifferenceSplit(name="split", arms=arms(p), where=published, caption=caption))
    if len(p.widths) * len(p.groups) * len(p.taught) > 1 and sizes & {1, 2}:
        caption = "Means of trained and transfer cells and of the difference in both forms, per model."
        figures.append(TransferByArm(name="by-model", arms=arms(p), where=published, caption=caption))
    return Outputs(tuple(analyses), tuple(figures))


def probing(p: MapParams) -> Outputs:
    """Return probe errors: do new cities come to lie on the map of the others?"""
    middle: Where = {"layer": p.layers[-2], "n_train": p.rows}
    return Outputs(
        (
            ProbeGeneralisation(
                name="probes", arms=arms(p), where=middle, caption="Errors of linear probes of ordinary cities."
            ),
        ),
        (ProbeErrors(name="probe-errors", arms=arms(p), where=middle, caption="The same errors per training."),),
    )


def converging(p: MapParams) -> Outputs:
    """Return alignment by number of tasks: do models without a common task represent cities alike?"""
    middle: Where = {"layer": p.layers[-2]}
    return Outputs(
        (
            Convergence(
                name="convergence", caption="Alignment (CKA) of models without a common task, by tasks per model."
            ),
        ),
        (
            ConvergenceFigure(
                name="convergence", caption="Alignment of models without a common task, by tasks per model."
            ),
            AlignmentMatrix(name="alignment", where=middle, caption="Alignment (CKA) of every two trainings."),
        ),
    )


def aligned(p: MapParams) -> Outputs:
    """Return alignment against transfer: do aligned geometries transfer more to each other?"""
    where, measured = {"n_train": p.rows}, {"layer": p.layers[-2]}
    caption = "Alignment (CKA) of models of one geometry each, against transfer from one to the other."
    return Outputs(
        (AlignmentTransfer(name="alignment-transfer", where=where, measured=measured, caption=caption),),
        (AlignmentTransferFigure(name="alignment-transfer", where=where, measured=measured, caption=caption),),
    )


def arms(p: MapParams) -> tuple[str, ...]:
    """Return the columns that tell models apart: width, and new cities and pre-training if they are several."""
    varying = {"train_new": len(p.groups), START: len(p.taught)}
    return ("model", *(name for name, n in varying.items() if n > 1))
