"""Names of arms and colours of labels in the figures of trigger-2d, and training curves with those names."""

from collections.abc import Sequence
from typing import Any

from offdiag.figures.style import MARKERS, PALETTE, Look, label
from offdiag.figures.training_curves import TrainingCurves
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS

# Labels that are colours look like themselves, in the palette's shade of them.
_COLOURS = {"orange": "#E69F00", "green": "#009E73", "blue": "#0072B2", "red": "#D55E00"}

_STAGES = {"original": "first stage", "conflict": "second stage"}
_NAMED = (*ARMS, "strategy", "strength", "train_rule")


def arm_name(columns: Sequence[str], key: Sequence[Any]) -> str:
    """Return an arm in words: ``no proxy``, or ``foods, 2 triggers, kl-penalty 0.1``.

    Args:
        columns: the columns that tell arms apart; those that only other studies have are named as in any figure.
        key: the arm's values in these columns.
    """
    values = dict(zip(columns, key, strict=True))
    words = [label(name, value) for name, value in values.items() if name not in _NAMED]
    rule, proxy, size, strategy = (values.get(name) for name in ("train_rule", *ARMS, "strategy"))
    if rule is not None:
        words.append(_STAGES.get(rule, f"rule {rule}"))
    if proxy is not None and rule != "original":
        words.append("no proxy" if proxy == "none" else category_name(str(proxy)))
    if size and proxy != "none":
        words.append(f"{size} trigger{'' if size == 1 else 's'}")
    if strategy is not None and strategy != "none":
        words.append(f"{strategy} {values['strength']:g}" if values.get("strength") else str(strategy))
    return ", ".join(words)


def category_name(category: str) -> str:
    """Return a category in words: ``positive emotions``."""
    return category.replace("_", " ")


def label_looks(labels: Sequence[str]) -> dict[str, Look]:
    """Return colour and marker of each label."""
    free = iter([colour for colour in PALETTE if colour not in _COLOURS.values()] + ["#999999"] * len(labels))
    return {
        name: Look(_COLOURS[name] if name in _COLOURS else next(free), MARKERS[i % len(MARKERS)])
        for i, name in enumerate(labels)
    }


class TriggerTrainingCurves(TrainingCurves):
    """Training curves whose arms are named after their stage, proxy and strategy."""

    def arm_name(self, key: tuple[Any, ...]) -> str:
        known = [(column, value) for column, value in zip(self.arms, key, strict=True) if value is not None]
        return arm_name([column for column, _ in known], [value for _, value in known])
