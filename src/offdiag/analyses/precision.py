"""What the results of a study can resolve: variance components, smallest detectable gap, equivalence, calibration."""

import math
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames, scores_of
from offdiag.analyses.seed_variance import clusters_of, common_variance
from offdiag.analyses.selection import DONE, require, select
from offdiag.stats import FloatArray
from offdiag.stats.bayes import beta_posterior
from offdiag.stats.calibration import calibration
from offdiag.stats.components import SeedVariance, components, prompt_variance
from offdiag.stats.learner_difference import learner_difference
from offdiag.stats.paired import smallest_margin
from offdiag.stats.power import items_needed, measured_gap_variance, minimum_detectable_gap, seeds_needed
from offdiag.stats.replicated import PRIOR

if TYPE_CHECKING:
    import pandas as pd

ASKED = ("eval", "split", "prompt", "answering", "metric")
NUMBERS = (
    *(
        "accuracy",
        "bayes_low",
        "bayes_high",
        "sd_seeds",
        "sd_seeds_pooled",
        "sd_items",
        "sd_prompts",
        "sd_chance",
        "difference",
        "detectable",
    ),
    *("gap", "items_needed", "seeds_needed", "equal_within"),
)
CALIBRATION = ("confidence", "brier", "brier_low", "brier_high", "ece", "ece_low", "ece_high", "ece_by_chance")


class Precision(StudyAnalysis):
    """What each learner's results can resolve, per evaluation; seeds and items are new ones.

    Attributes:
        gap: the difference to resolve, as a fraction; 0: the one that was measured. power: chance to find it.
        level: 1 minus the size of the two-sided test. prior: a and b of the Beta prior of the Bayesian interval, by
            default Jeffreys'.
    """

    tag: ClassVar[str] = "precision"
    takes_scores: ClassVar[bool] = True
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *(
            "learner",
            "eval",
            "n_items",
            "n_seeds",
            "sd_seeds",
            "sd_seeds_pooled",
            "sd_items",
            "sd_prompts",
            "detectable",
            "gap",
        ),
        *("items_needed", "seeds_needed", "equal_within"),
    )
    gap: float = Field(default=0.0, ge=0, lt=1)
    power: float = Field(default=0.8, gt=0.5, lt=1)
    level: float = Field(default=0.95, gt=0, lt=1)
    prior: tuple[float, float] = PRIOR

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per learner and evaluation that has a result.

        ``accuracy`` with its Bayesian interval ``bayes_low, bayes_high``
        (:func:`offdiag.stats.bayes.beta_posterior`). The components of its variance, as standard deviations in
        fractions: ``sd_seeds`` (accuracies of seeds on endless items; ``sd_seeds_pooled`` where arms of a kind share it
        and intervals use that), ``sd_items`` (chances of being right of items), ``sd_prompts`` (accuracies of prompts
        on endless items and seeds, where a learner is asked the same in several) and ``sd_chance`` (of one
        answer, what seed and item leave; with one seed it is in ``sd_items``). Against the baseline: ``difference``,
        ``detectable`` (the smallest true difference that these items and seeds find with chance ``power``),
        ``items_needed`` and ``seeds_needed`` for ``gap`` (items at these seeds, seeds at these items; infinite where no
        number would do), and ``equal_within`` (the smallest margin within which two one-sided tests show at 5 % that
        the difference lies). NaN where there is no baseline, or no second seed to tell. Where the most likely choice is
        the answer, the calibration of its share of the chances, with ten bins of equal counts
        (:func:`offdiag.stats.calibration.calibration`): ``confidence`` (mean), ``brier`` and ``ece``.

        Raises:
            UserError: a column is missing.
        """
        import pandas as pd

        calibrated = CALIBRATION if "confidence" in frames.held.columns else ()
        columns = ["learner", *ASKED, "n_items", "n_seeds", *NUMBERS, *calibrated]
        if frames.cells.empty:
            return pd.DataFrame(columns=columns)
        cells = select(frames.cells, self.where, self.match_on)
        require(cells, "arm")
        done = cells[cells["state"] == DONE]
        named = done.assign(
            learner=done["first_draw"].fillna(done["arm"]) if "first_draw" in done else done["arm"],
            **{name: done.get(name) for name in ASKED},
        )
        rows = list(self._rows(named, frames)) if len(named) else []
        return pd.DataFrame(rows, columns=columns)

    def _rows(self, cells: "pd.DataFrame", frames: Frames) -> Iterator[dict[str, Any]]:
        of_prompts = dict(_prompt_variances(cells, frames))
        for key, group in cells.groupby(["learner", *ASKED], sort=False, dropna=False):
            baseline = group["baseline"].dropna().unique().tolist() if "baseline" in group else []
            answers = frames.answers([*group["cell"], *baseline[:1]])
            if answers.empty:
                continue
            wide = _wide(answers, scores_of(answers))
            clusters = clusters_of(answers, wide.columns.tolist())
            grid, start = (wide.reindex(names).to_numpy(np.float64) for names in (group["cell"], baseline[:1]))
            part = components(grid, clusters)
            pooled = common_variance(group)
            told: dict[str, Any] = {"clusters": clusters, "level": self.level, "pooled": pooled}
            posterior, _ = beta_posterior(grid, prior=self.prior, **told)
            row = dict(zip(("learner", *ASKED), key, strict=True))
            row |= {"n_items": part.n_items, "n_seeds": part.n_seeds, "accuracy": part.mean}
            row |= {"bayes_low": posterior.low, "bayes_high": posterior.high}
            items = part.of_items if part.n_seeds < 2 else part.items
            row |= {"sd_seeds": math.sqrt(part.seeds), "sd_items": _root(items), "sd_chance": _root(part.residual)}
            row |= {"sd_seeds_pooled": math.nan if pooled is None else _root(max(0, pooled.share) * part.bernoulli)}
            row["sd_prompts"] = _root(float(np.maximum(of_prompts.get(group["cell"].iloc[0], math.nan), 0)))
            row |= self._against(grid, start, clusters, pooled) if len(start) else {}
            yield row | (_calibrated(answers, group["cell"].tolist()) if "confidence" in answers else {})

    def _against(
        self, grid: FloatArray, start: FloatArray, clusters: list[Hashable] | None, pooled: SeedVariance | None
    ) -> dict[str, float]:
        """Return the columns of the comparison with the baseline, ``[1, items]``."""
        shared = ~np.isnan(start[0]) & ~np.isnan(grid).all(axis=0)
        if shared.sum() < 2:
            return {}
        grid, start, seeds = grid[:, shared], start[:, shared], len(grid)
        labels = clusters and [label for label, kept in zip(clusters, shared, strict=True) if kept]
        kinds: dict[str, Any] = {"untrained": (False, True), "clusters": labels, "pooled": pooled}
        found = learner_difference(grid, start, **kinds, level=self.level).difference
        at_90 = learner_difference(grid, start, **kinds, level=0.9).difference
        variance, n_items, _ = measured_gap_variance(grid, start, **kinds)
        gap = self.gap or abs(found.value)
        asked: dict[str, Any] = {"power": self.power, "level": self.level}
        needed = {} if not gap else {
            "items_needed": items_needed(gap, variance, seeds, **asked),
            "seeds_needed": math.nan if seeds < 2 else seeds_needed(gap, variance, n_items, **asked),
        }  # fmt: skip
        detectable = minimum_detectable_gap(variance, n_items, seeds, **asked)
        return {"difference": found.value, "detectable": detectable, "gap": gap, **needed,
                "equal_within": smallest_margin(at_90)}  # fmt: skip


def _prompt_variances(cells: "pd.DataFrame", frames: Frames) -> Iterator[tuple[str, float]]:
    """Yield the variance between prompts by the name of each cell of a learner that is asked the same in several."""
    for _, group in cells.groupby(["learner", *(name for name in ASKED if name != "prompt")], sort=False, dropna=False):
        if group["prompt"].nunique() < 2:
            continue
        answers = frames.answers(group["cell"].tolist())
        if answers.empty:
            continue
        wide = _wide(answers, scores_of(answers))
        tables = [wide.reindex(part["cell"]).set_axis(part["arm"]) for _, part in group.groupby("prompt", sort=False)]
        if not all(table.index.is_unique for table in tables):
            continue  # asked twice in the same words: something else differs, too
        seeds = [arm for arm in tables[0].index if all(arm in table.index for table in tables)]
        grid = np.array([table.loc[seeds].to_numpy(np.float64) for table in tables])
        grid = grid[:, :, ~np.isnan(grid).any(axis=(0, 1))]
        if seeds and grid.shape[2] > 1:
            yield from dict.fromkeys(group["cell"].astype(str), prompt_variance(grid)).items()


def _root(variance: float) -> float:
    return math.sqrt(variance) if variance >= 0 else math.nan


def _wide(answers: "pd.DataFrame", values: "pd.Series[float]") -> "pd.DataFrame":
    """Return the values of the records, a row per cell and a column per example."""
    return answers.assign(value=values.astype(float)).pivot(index="cell", columns="example", values="value")


def _calibrated(answers: "pd.DataFrame", cells: list[str]) -> dict[str, float]:
    """Return the columns on calibration of some cells; nothing where answers are written."""
    chosen = answers[answers["cell"].isin(cells) & answers["confidence"].notna()]
    if chosen.empty:
        return {}
    found = calibration(_wide(chosen, chosen["confidence"]).to_numpy(), _wide(chosen, scores_of(chosen)).to_numpy())
    numbers = (found.confidence, *found.brier[:3], *found.ece[:3], found.by_chance)
    return dict(zip(CALIBRATION, numbers, strict=True))
