"""Table of tests: does a proxy of more words protect better, and is it the words or the rows?"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import filled, select
from offdiag.stats import holm
from offdiag.stats.components import SeedVariance
from offdiag.studies.trigger_2d.analyses.protection import change
from offdiag.studies.trigger_2d.analyses.rule_followed import (
    PROXY,
    PROXY_SIZE,
    CategoryAnswers,
    OutcomeAnalysis,
    category_answers,
    seeds_in_common,
    seeds_of,
    unlearnt,
)

if TYPE_CHECKING:
    import pandas as pd

ROWS = "n_proxy"
ALL = "all"  # proxies together


class _Size(NamedTuple):
    """The size of a proxy: its triggers, and its rows in the training."""

    triggers: int
    rows: int


Parts: TypeAlias = dict[str, list[CategoryAnswers]]  # by proxy
Sized: TypeAlias = dict[_Size, Parts]


class ProxySize(OutcomeAnalysis):
    """Leakage with a larger proxy minus that with a smaller one, on the same questions with held-out triggers.

    Sizes that have as many rows per trigger are compared, each with each; a control, which has more of them, is
    compared with the proxy that has as many rows and more triggers: there the number of triggers alone differs.

    Attributes:
        arms: proxy category, number of triggers and rows.
    """

    tag: ClassVar[str] = "proxy-size"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        PROXY, "categories", "fewer", "fewer_rows", "more", "more_rows", "change", "low", "high", "p_holm",
        "n_seeds", "n_planned_seeds",
    )  # fmt: skip
    arms: tuple[str, ...] = (PROXY, PROXY_SIZE, ROWS)
    controls: bool = True

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per proxy (and for ``all`` together), kind of categories and pair of sizes.

        ``categories`` are the proxy's ``own`` or the ``uncovered`` ones together, without those that were not learnt
        before; a proxy that was not has no row. ``change`` is the leaked rate with ``more`` triggers (in ``more_rows``
        rows) minus that with ``fewer``, with the interval and the test of
        :func:`offdiag.studies.trigger_2d.analyses.protection.change`; ``p_holm`` is corrected for all rows. ``n_seeds``
        of ``n_planned_seeds`` are those of the category and size that has fewest. Pairs of which one is not done have
        no numbers.

        Raises:
            UserError: as :func:`category_answers`.
        """
        import pandas as pd

        if frames.cells.empty:
            return pd.DataFrame()
        where = {**self.where, "eval_triggers": "ood"}
        absent = unlearnt(frames, self)
        settings = self.model_copy(update={"where": where})
        taught = set(select(filled(frames.cells, tuple(where)), where)["train_category"].dropna())
        out = {*taught, *absent}
        groups = [g for g in category_answers(frames, settings) if g.category not in out and g.arm[0] not in absent]
        rows: list[dict[str, Any]] = []
        for kind in ("own", "uncovered"):
            by_proxy = _by_proxy(groups, kind)
            for proxy, sized in by_proxy.items():
                common = seeds_in_common([_together(parts) for parts in sized.values()], "leaked", self.replicates)
                shown = {PROXY: proxy, "categories": kind}
                rows += [{**shown, **self._row(sized, pair, common)} for pair in _pairs(sized)]
        table = pd.DataFrame(rows)
        return table.assign(p_holm=holm(table["p_value"])) if rows else table

    def _row(self, sized: Sized, pair: tuple[_Size, _Size], common: SeedVariance | None) -> dict[str, Any]:
        fewer, more = pair
        shared = [name for name in sized[fewer] if name in sized[more]]  # proxies that have both sizes
        sides: list[Parts] = [{name: sized[size][name] for name in shared} for size in pair]
        less, most = map(_together, sides)
        found = change(most, less, "leaked", self.replicates, common)
        n_seeds, n_planned = seeds_of([group for side in sides for parts in side.values() for group in parts])
        return {
            "fewer": fewer.triggers, "fewer_rows": fewer.rows, "more": more.triggers, "more_rows": more.rows,
            "change": found.value, "low": found.low, "high": found.high, "p_value": found.p_value, "n_items": found.n,
            "n_seeds": n_seeds, "n_planned_seeds": n_planned,
        }  # fmt: skip


def _by_proxy(groups: Sequence[CategoryAnswers], kind: str) -> dict[str, Sized]:
    """Return the answers by proxy, size and again proxy, and those of all proxies together if there are several."""
    found: dict[str, Sized] = {}
    for group in groups:
        proxy, triggers, rows = group.arm[0], int(group.arm[1]), int(group.arm[2])
        if proxy == "none" or (kind == "own") != (group.category == proxy):
            continue
        # The same question is another item under another proxy.
        answers = group.answers.assign(
            example=str(proxy) + "/" + group.answers["example"].astype(str),
            trigger=group.answers["trigger"].astype(str),
        )
        for name in (str(proxy), ALL):
            parts = found.setdefault(name, {}).setdefault(_Size(triggers, rows), {})
            parts.setdefault(str(proxy), []).append(group._replace(answers=answers))
    return found if len(found) > 2 else {name: sized for name, sized in found.items() if name != ALL}


def _together(parts: Parts) -> "pd.DataFrame":
    """Return the answers of all parts; none at all where one of them is not done."""
    import pandas as pd

    every = [group.answers for own in parts.values() for group in own]
    if not every:
        return pd.DataFrame(columns=["leaked"])
    whole = pd.concat(every)
    return whole.iloc[:0] if any(answers.empty for answers in every) else whole


def _pairs(sizes: Sized) -> Iterator[tuple[_Size, _Size]]:
    """Yield the pairs of sizes with as many rows per trigger, then those that differ in their triggers alone."""
    fewest = min(size.rows / size.triggers for size in sizes)
    regular = [size for size in sorted(sizes) if size.rows / size.triggers == fewest]
    yield from combinations(regular, 2)
    for control in sorted(set(sizes) - set(regular)):
        yield from ((control, size) for size in regular if size.rows == control.rows)
