"""What the figures of trigger-2d share: names of arms, colours of labels, and marks of what is not interpreted."""

from abc import ABC
from collections.abc import Collection, Sequence
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from offdiag.analyses import Frames
from offdiag.analyses.selection import Where
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import MARKERS, PALETTE, Look, label
from offdiag.figures.training_curves import TrainingCurves
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS, LEARNT, unlearnt
from offdiag.studies.trigger_2d.task import HALVES, TriggerWorld, find_world

DAGGER = "†"
# Labels that are colours look like themselves, in the shade of Okabe and Ito (2008) where there is one.
_COLOURS = {"orange": "#E69F00", "green": "#009E73", "blue": "#0072B2", "red": "#D55E00", "yellow": "#F0E442"}
_INVISIBLE = ("white", "ivory", "snow", "transparent")

_STAGES = {"original": "first stage", "conflict": "second stage"}
_NAMED = (*ARMS, "strategy", "strength", "train_rule", "n_proxy")


class StageFigure(StudyFigure, ABC):
    """A figure that marks the categories that were not learnt before.

    Attributes:
        world, replicates, started: as in :class:`offdiag.studies.trigger_2d.analyses.leakage.Leakage`.
    """

    world: Annotated[TriggerWorld, PlainValidator(find_world)] = HALVES
    replicates: tuple[str, ...] = ("seed",)
    started: Where = Field(default={})

    def unlearnt(self, frames: Frames, triggers: str = "ood") -> frozenset[str]:
        """Return the categories that the arms which others started from had not learnt.

        Raises:
            UserError: as :func:`offdiag.studies.trigger_2d.analyses.rule_followed.category_answers`.
        """
        shared: dict[str, Any] = {"world": self.world, "replicates": self.replicates, "started": self.started}
        return unlearnt(frames, Leakage(name=self.name, arms=(), **shared), triggers)


def arm_name(columns: Sequence[str], key: Sequence[Any], unlearnt: Collection[str] = ()) -> str:
    """Return an arm in words: ``no proxy``, or ``foods, 2 triggers, kl-penalty 0.1``.

    Args:
        columns: the columns that tell arms apart; those that only other studies have are named as in any figure.
        key: the arm's values in these columns. unlearnt: categories that have a dagger as proxies.
    """
    values = dict(zip(columns, key, strict=True))
    words = [label(name, value) for name, value in values.items() if name not in _NAMED]
    rule, proxy, size, strategy = (values.get(name) for name in ("train_rule", *ARMS, "strategy"))
    if rule is not None:
        words.append(_STAGES.get(rule, f"rule {rule}"))
    if proxy is not None and rule != "original":
        words.append("no proxy" if proxy == "none" else category_name(str(proxy), unlearnt))
    if size and proxy != "none":
        words.append(f"{size} trigger{'' if size == 1 else 's'}")
    if values.get("n_proxy"):
        words.append(f"{values['n_proxy']} rows")
    if strategy is not None and strategy != "none":
        words.append(f"{strategy} {values['strength']:g}" if values.get("strength") else str(strategy))
    return ", ".join(words)


def category_name(category: str, unlearnt: Collection[str] = ()) -> str:
    """Return a category in words: ``positive emotions``, with a dagger if it is among those that were not learnt."""
    return category.replace("_", " ") + DAGGER * (category in unlearnt)


def dagger_words(shown: Collection[str], unlearnt: Collection[str]) -> str:
    """Return what a dagger means, if one of the categories that are shown has it."""
    if not set(shown) & set(unlearnt):
        return ""
    return f"{DAGGER} do not interpret: the first stage did not learn this category's rule (< {100 * LEARNT:.0f} %)"


def left_out_words(unlearnt: Collection[str]) -> str:
    """Return what a dagger means where such categories, and such proxies, have no points; empty without any."""
    names = ", ".join(category_name(name) for name in sorted(unlearnt))
    return f"{DAGGER} left out: the first stage did not learn {names}" if names else ""


def alike_words(world: TriggerWorld, rule: str, shown: Collection[str]) -> str:
    """Return which quadrants are in no rate, as both rules say the same there; empty if there is none."""
    if rule not in world.rule_names:
        return ""
    found = [(name, world.alike(name, rule)) for name in world.category_names if name in shown]
    told = "; ".join(f"{category_name(name)} {', '.join(alike)}" for name, alike in found if alike)
    return told and f"left out, as both rules say the same: {told}"


def label_looks(labels: Sequence[str]) -> dict[str, Look]:
    """Return colour and marker of each label; one that names a colour which shows on white has that colour."""
    own = {name: colour for name in labels if (colour := _colour(name))}
    free = iter([colour for colour in PALETTE if colour not in own.values()] + ["#999999"] * len(labels))
    return {
        name: Look(own[name] if name in own else next(free), MARKERS[i % len(MARKERS)]) for i, name in enumerate(labels)
    }


def _colour(name: str) -> str | None:
    from matplotlib.colors import CSS4_COLORS

    plain = name.casefold().replace(" ", "")
    if plain in _INVISIBLE:
        return None
    return _COLOURS.get(plain) or (str(CSS4_COLORS[plain]) if plain in CSS4_COLORS else None)


class TriggerTrainingCurves(StageFigure, TrainingCurves):
    """Training curves whose arms are named after their stage, proxy and strategy."""

    def arm_name(self, frames: Frames, key: tuple[Any, ...]) -> str:
        known = [(column, value) for column, value in zip(self.arms, key, strict=True) if value is not None]
        return arm_name([column for column, _ in known], [value for _, value in known], self.unlearnt(frames))

    def panel_name(self, frames: Frames, place: Any) -> str:
        return category_name(str(place), self.unlearnt(frames))

    def remarks(self, frames: Frames, keys: Sequence[tuple[Any, ...]], places: Sequence[Any]) -> tuple[str, ...]:
        shown = {str(value) for key in keys for value in key} | {str(place) for place in places}
        return (dagger_words(shown, self.unlearnt(frames)),)
