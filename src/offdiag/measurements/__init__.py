"""Measurements: what a study measures besides answers; one file a measurement, each rows of a table of its own."""

from offdiag.measurements.anchoring import Anchoring
from offdiag.measurements.average_hardness import AverageHardness
from offdiag.measurements.category_similarity import CategorySimilarity
from offdiag.measurements.choice_hardness import ChoiceHardness
from offdiag.measurements.city_alignment import CityAlignment
from offdiag.measurements.city_map import CityMap
from offdiag.measurements.city_probe import CityProbe
from offdiag.measurements.episode_curves import EpisodeCurves
from offdiag.measurements.item_hardness import ItemHardness
from offdiag.measurements.patching import ActivationPatching
from offdiag.measurements.representations import Encoded, Representations
from offdiag.measurements.state_sizes import StateSizes
from offdiag.measurements.text_hardness import TextHardness
from offdiag.measurements.training_history import TrainingHistory
from offdiag.measurements.trigger_ablation import TriggerAblation

__all__ = [
    "ActivationPatching",
    "Anchoring",
    "AverageHardness",
    "CategorySimilarity",
    "ChoiceHardness",
    "CityAlignment",
    "CityMap",
    "CityProbe",
    "Encoded",
    "EpisodeCurves",
    "ItemHardness",
    "Representations",
    "StateSizes",
    "TextHardness",
    "TrainingHistory",
    "TriggerAblation",
]
