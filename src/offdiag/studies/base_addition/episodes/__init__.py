"""Episodes of additions whose base only their demonstrations show, and their ideal observer."""

from offdiag.studies.base_addition.episodes.draws import Trial, draw_trials
from offdiag.studies.base_addition.episodes.episodes import VOCABULARY, Episodes, spelled
from offdiag.studies.base_addition.episodes.ideal import ideal_correct, log_likelihoods, predictive

__all__ = [
    "VOCABULARY",
    "Episodes",
    "Trial",
    "draw_trials",
    "ideal_correct",
    "log_likelihoods",
    "predictive",
    "spelled",
]
