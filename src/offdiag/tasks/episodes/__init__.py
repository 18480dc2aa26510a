"""Episodes of additions whose base is announced by their demonstrations only, and the ideal observer of them."""

from offdiag.tasks.episodes.draws import Trial, draw_trials
from offdiag.tasks.episodes.episodes import Episodes
from offdiag.tasks.episodes.ideal import ideal_correct, log_likelihoods, predictive
from offdiag.tasks.episodes.tokens import VOCABULARY, spelled

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
