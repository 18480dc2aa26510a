"""Table of protection beside similarity: does a proxy protect the categories near to it in meaning?"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, Where, require, select
from offdiag.errors import UserError
from offdiag.stats import holm
from offdiag.stats.bootstrap import MOST_RESAMPLES
from offdiag.stats.correlation import correlation
from offdiag.studies.trigger_2d.analyses.protection import Protection
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS, unlearnt

if TYPE_CHECKING:
    import pandas as pd

Pairs: TypeAlias = Mapping[frozenset[str], float]
Over: TypeAlias = Literal["all", "at fixed category", "at fixed proxy"]
OVER: tuple[Over, ...] = ("all", "at fixed category", "at fixed proxy")
PROXY, SIZE = ARMS


class SemanticProtection(Protection):
    """Protection of each category that no training covers, beside its similarity to the proxy.

    Protection is the rate of leaked answers without a proxy minus that with it. The category that the new rule was
    taught to and the proxy's own are left out: there the training itself says what to answer. A pair of which either
    category was not learnt before has no interval, and no correlation counts it.

    Attributes:
        arms: as in :class:`Leakage`, the proxy's category and its number of triggers first.
        measured: column -> value for the rows of :class:`CategorySimilarity`, where there are
            several measurements of it. triggers: ``ood`` or ``id``.
    """

    tag: ClassVar[str] = "semantic-protection"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *ARMS, "category", "similarity", "protection", "low", "high", "p_holm",
    )  # fmt: skip
    measured: Where = Field(default={})
    triggers: Literal["ood", "id"] = "ood"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per arm with a proxy and uncovered category.

        ``protection`` from -1 to 1 with ``low, high`` over seeds and triggers and ``p_value``, as
        :meth:`Protection.table` has them of the change; ``p_holm`` is corrected for the rows of this table.
        ``similarity`` is NaN as long as it is not measured. ``learnt`` says of both categories what it says there.

        Raises:
            UserError: as ``Protection``; no similarity is planned, or several are and ``measured`` does not choose.
        """
        table = super().table(frames)
        if table.empty:
            return table
        similarity_of = similarities(frames, self.measured, self.name)
        taught = set(select(frames.cells, self.where, self.match_on)["train_category"].dropna())
        uncovered = table[~table["covered"] & ~table["category"].isin(taught) & (table["triggers"] == self.triggers)]
        pairs = [frozenset(pair) for pair in zip(uncovered[PROXY], uncovered["category"], strict=True)]
        if "learnt" in uncovered:
            proxies = uncovered[PROXY].isin(unlearnt(frames, self, self.triggers))
            uncovered = uncovered.assign(learnt=uncovered["learnt"] & ~proxies)
            uncovered.loc[proxies, ["low", "high", "p_value"]] = math.nan
        return uncovered.assign(
            similarity=[similarity_of.get(pair, math.nan) for pair in pairs],
            protection=0 - uncovered["change"],  # and no -0
            low=-uncovered["high"],
            high=-uncovered["low"],
            p_holm=holm(uncovered["p_value"]),
        ).drop(columns=["change", "covered"]).reset_index(drop=True)  # fmt: skip


class ProtectionBySimilarity(StudyAnalysis):
    """Pearson's and Spearman's correlations of similarity and protection, per number of proxy triggers.

    A point is a proxy category and an uncovered one. AuxiliaryData ``all`` points there is ``at fixed category`` (each
    category's mean is taken off both sides: is it protected best by the nearest proxy? a category that hardly leaks
    cannot be protected by any) and ``at fixed proxy`` (does a proxy protect best what is nearest to it?). Intervals and
    p values take points as exchangeable, see :func:`offdiag.stats.correlation.correlation`; those that share a category
    are not, so they are too short rather than too long. ``p_holm`` is corrected for all rows of Spearman's.

    Attributes:
        of: the analysis that gives the points. n_resamples, seed: of bootstrap and permutations.
    """

    tag: ClassVar[str] = "protection-by-similarity"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        SIZE, "over", "spearman", "spearman_low", "spearman_high", "p_holm", "n_points", "note",
    )  # fmt: skip
    of: SemanticProtection
    n_resamples: int = Field(default=2000, ge=100, le=MOST_RESAMPLES)
    seed: int = 0

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per number of proxy triggers (and other columns of the arms) and kind of comparison."""
        return self.of_points(frames.table(self.of))

    def of_points(self, points: "pd.DataFrame") -> "pd.DataFrame":
        """Return the same from the table of :class:`SemanticProtection`; ``n_unlearnt`` counts what was not learnt."""
        import pandas as pd

        if points.empty:
            return points
        by = [column for column in self.of.arms if column != PROXY]
        rows = [
            {**dict(zip(by, key, strict=True)), "over": over, **self._row(group, over, (*map(str, key), over))}
            for key, group in points.groupby(by, sort=False)
            for over in OVER
        ]
        table = pd.DataFrame(rows)
        return table.assign(p_holm=holm(table["spearman_p"]))

    def _row(self, points: "pd.DataFrame", over: Over, names: tuple[str, ...]) -> dict[str, Any]:
        n_unlearnt = int((~points["learnt"]).sum()) if "learnt" in points else 0
        points = points[points["learnt"]] if "learnt" in points else points
        strata = {"all": None, "at fixed category": points["category"], "at fixed proxy": points[PROXY]}[over]
        found = correlation(
            points["similarity"], points["protection"], None if strata is None else strata.tolist(),
            n_resamples=self.n_resamples, seed=self.seed, names=names,
        )  # fmt: skip
        left_out = int(points[["similarity", "protection"]].isna().any(axis=1).sum())
        both = (number for each in (found.spearman, found.pearson) for number in (*each[:3], each.p_value))
        numbers = (*both, found.n, left_out, n_unlearnt, found.note)
        return dict(zip(_COLUMNS, numbers, strict=True))


_COLUMNS = (
    "spearman", "spearman_low", "spearman_high", "spearman_p", "pearson", "pearson_low", "pearson_high", "pearson_p",
    "n_points", "n_left_out", "n_unlearnt", "note",
)  # fmt: skip


def similarities(frames: Frames, measured: Where, name: str) -> Pairs:
    """Return the similarity of each pair of categories; nothing as long as it is not measured.

    Args:
        measured: column -> value, to choose one of several measurements. name: of the analysis, for errors.

    Raises:
        UserError: none is planned, or several are left.
    """
    chosen = select(frames.measured("category_similarity"), measured)
    require(chosen, "measurement")
    several = chosen["measurement"].drop_duplicates().tolist()
    if len(several) > 1:
        raise UserError(
            f"{name}: {len(several)} measurements of similarity ({', '.join(several)}): choose by measured="
        )
    done = chosen[chosen["state"] == DONE]
    if done.empty:
        return {}
    return {frozenset((a, b)): float(s) for a, b, s in done[["one", "other", "similarity"]].itertuples(index=False)}
