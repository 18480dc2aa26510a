"""Leakage and protection over the updates of the second stage, at snapshots that all arms have."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, filled, select, state_of
from offdiag.errors import UserError
from offdiag.studies.trigger_2d.analyses.protection import change
from offdiag.studies.trigger_2d.analyses.rule_followed import (
    ARMS,
    PROXY,
    PROXY_SIZE,
    CategoryAnswers,
    OutcomeAnalysis,
    category_answers,
    columns_of,
    rate,
    seeds_of,
    unlearnt,
)

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("taught", "own", "uncovered")
UPDATE = "update"


class LeakageOverUpdates(OutcomeAnalysis):
    """Rates of the new rule after so many updates, with and without a proxy; of held-out triggers.

    Snapshots of all arms are taken at the same shares of their trainings, where as many rows of the task were seen.
    Proxies are those with the most triggers.

    Attributes:
        updates: numbers of updates of the arm without a proxy at which it was asked, its end the last one.
    """

    tag: ClassVar[str] = "leakage-over-updates"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *ARMS, "kind", "updates", "leaked", "leaked_low", "leaked_high", "protection", "low", "high",
        "n_seeds", "n_planned_seeds",
    )  # fmt: skip
    updates: tuple[int, ...] = Field(min_length=1)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm, kind of category and place in ``updates``.

        ``kind`` is ``taught`` (there the rate is of what was learnt), ``own`` (the proxy's category) or ``uncovered``
        (all others together). Categories that were not learnt before are in none: where no other is left, or the
        proxy's own was not, ``state`` is ``not learnt``; of such a proxy the row ``taught`` alone has numbers.
        ``updates`` are those of the arm without a proxy at the same share of its training. ``without`` is the rate
        without a proxy in the same categories at the same share; ``protection`` is that minus ``leaked``, with the
        interval of :func:`offdiag.studies.trigger_2d.analyses.protection.change`. ``n_seeds`` of ``n_planned_seeds``
        have answered, of the category, with the proxy or without, that has fewest.

        Raises:
            UserError: as :func:`category_answers`; an arm has other snapshots than ``updates`` says.
        """
        import pandas as pd

        if frames.cells.empty:
            return pd.DataFrame()
        absent = unlearnt(frames, self)
        taught = set(select(filled(frames.cells, tuple(self.where)), self.where)["train_category"].dropna())
        rows: list[dict[str, Any]] = []
        for place, updates in enumerate(self.updates):
            groups = list(self._asked(frames, place))
            without = [group for group in groups if self._arm(group)[PROXY] == "none"]
            for arm in dict.fromkeys(group.arm for group in groups):
                own = [group for group in groups if group.arm == arm]
                shown = dict(zip(self.arms, arm, strict=True))
                for kind, some in _by_kind(own, taught, str(shown[PROXY])):
                    nothing_to_keep = kind != "taught" and shown[PROXY] in absent
                    known = [group for group in some if group.category not in absent and not nothing_to_keep]
                    numbers = self._numbers(known, without) if known else _not_learnt(some)
                    rows.append({**shown, "kind": kind, "updates": updates, **numbers})
        return pd.DataFrame(rows)

    def _arm(self, group: CategoryAnswers) -> dict[str, Any]:
        return dict(zip(self.arms, group.arm, strict=True))

    def _asked(self, frames: Frames, place: int) -> Iterator[CategoryAnswers]:
        """Yield the answers at one place in ``updates``, of the arms that have snapshots; the last place is the end."""
        where = {**self.where, "eval_triggers": "ood"}
        keys = [*self.arms, *self.replicates]
        cells = select(filled(frames.cells, [*keys, *where]), where, self.match_on)
        size = cells[PROXY_SIZE]
        cells = cells[((size == 0) | (size == size.max())).astype(bool)]
        if UPDATE not in cells:
            cells = cells.assign(**{UPDATE: float("nan")})
        ranks = cells.groupby(keys, sort=False)[UPDATE].rank(method="dense")
        n = ranks.groupby([cells[key] for key in keys], sort=False).transform("max").fillna(0)
        last = len(self.updates) - 1
        if last and (wrong := sorted({int(found) for found in n if found not in (0, last)})):
            raise UserError(f"analysis {self.name}: an arm has {wrong[0]} snapshots, and updates= says {last}")
        at = cells[UPDATE].isna() if place == last else ranks == place + 1
        chosen = cells[((n == last) | (last == 0)) & at.fillna(False).astype(bool)]
        if not chosen.empty:
            there = Frames(cells=chosen.drop(columns=UPDATE), records=frames.held)
            yield from category_answers(there, self.model_copy(update={"where": where}))

    def _numbers(self, groups: Sequence[CategoryAnswers], without: Sequence[CategoryAnswers]) -> dict[str, Any]:
        import pandas as pd

        categories = [group.category for group in groups]
        state = DONE if all(group.state == DONE for group in groups) else state_of(group.state for group in groups)
        n_seeds, n_planned = seeds_of(groups)
        row: dict[str, Any] = {"categories": ",".join(categories), "state": state}
        row |= {"n_seeds": n_seeds, "n_planned_seeds": n_planned}
        if state != DONE:
            return row
        answers = pd.concat([group.answers for group in groups])
        row |= columns_of("leaked", rate(answers, "leaked", self.replicates))
        reference = [group for group in without if group.category in categories and group.state == DONE]
        if self._arm(groups[0])[PROXY] == "none" or len(reference) < len(categories):
            return row
        theirs = pd.concat([group.answers for group in reference])
        n_seeds, n_planned = seeds_of([*groups, *reference])
        row |= {"n_seeds": n_seeds, "n_planned_seeds": n_planned}
        row |= columns_of("without", rate(theirs, "leaked", self.replicates))
        less = change(theirs, answers, "leaked", self.replicates)
        return row | {"protection": less.value, "low": less.low, "high": less.high, "n_items": less.n}


def _not_learnt(groups: Sequence[CategoryAnswers]) -> dict[str, Any]:
    n_seeds, n_planned = seeds_of(groups)
    return {"categories": "", "state": "not learnt", "n_seeds": n_seeds, "n_planned_seeds": n_planned}


def _by_kind(
    groups: Sequence[CategoryAnswers], taught: set[str], proxy: str
) -> Iterator[tuple[str, list[CategoryAnswers]]]:
    """Yield the answers of one arm by the kind of their category."""
    kinds = {group.category: "taught" if group.category in taught else "uncovered" for group in groups}
    kinds |= {proxy: "own"} if proxy in kinds else {}
    for kind in KINDS:
        if some := [group for group in groups if kinds[group.category] == kind]:
            yield kind, some
