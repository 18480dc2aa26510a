"""``offdiag power``: what items and seeds can resolve, from numbers or from a finished study."""

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from offdiag.cli.options import AsJson, ClusterBy, Scale, Sets, StoreFolder, planned
from offdiag.cli.tables import say, show_json, show_table
from offdiag.errors import UserError, some

if TYPE_CHECKING:
    from offdiag.planning import Plan
    from offdiag.stats.power import GapVariance

SEEDS = (1, 2, 3, 5, 10)
COLUMNS = ["seeds", "items", "power, %", "detectable, points", "items needed"]
OF_STUDY = ["learner", "on", "items", "seeds", "sd of seeds", "detectable", "gap", "items needed", "seeds needed"]


def power(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="A study with results; or give --items.")
    ] = None,
    scale: Scale = "quick",
    sets: Sets = None,
    store: StoreFolder = None,
    items: Annotated[int | None, typer.Option(min=2, metavar="N", help="Items that both learners answer.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, metavar="N", help="Seeds of each learner [1].")] = None,
    accuracy: Annotated[float | None, typer.Option(min=0, max=1, help="Of the first learner, 0 to 1 [0.5].")] = None,
    gap: Annotated[float | None, typer.Option(help="Difference to resolve, 0.05 for five points.")] = None,
    seed_sd: Annotated[
        float | None, typer.Option(min=0, max=0.5, help="Standard deviation between seeds, 0 to 0.5 [0].")
    ] = None,
    disagreement: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of items that one of the two alone has right.")
    ] = None,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Size of the two-sided test.")] = 0.05,
    chance: Annotated[float, typer.Option("--power", min=0.5, max=0.999, help="Chance to find the gap.")] = 0.8,
    cluster_by: ClusterBy = None,
    as_json: AsJson = False,
) -> None:
    """Tell what items and seeds can resolve, and what a gap needs.

    From numbers: offdiag power --items 250 --seeds 3 --accuracy 0.6 --gap 0.05 --seed-sd 0.03. From the variance of a
    finished study's own seeds and items: offdiag power STUDY --scale cpu, with --gap for a difference of your own (by
    default the one that each learner has to its baseline).
    """
    if gap is not None and not 0 < abs(gap) < 1:
        raise UserError(f"--gap {gap:g}: expected a fraction between 0 and 1, such as 0.05 for five points")
    if (study is None) == (items is None):
        raise UserError("power: give a study, or --items (and --seeds, --accuracy, --gap); not both, and not neither")
    if study is not None:
        given = {"--seeds": seeds, "--accuracy": accuracy, "--seed-sd": seed_sd, "--disagreement": disagreement}
        if extra := [name for name, value in given.items() if value is not None]:
            raise UserError(f"{extra[0]}: a study has its own; leave it out, or give --items in place of the study")
        settings = {"gap": abs(gap or 0), "power": chance, "level": 1 - alpha}
        _of_study(planned(study, scale, sets, cluster_by=cluster_by), store, settings, as_json=as_json)
        return
    if cluster_by is not None:
        raise UserError("--cluster-by: of the records of a study; give a study, or --items alone")
    from offdiag.stats.power import gap_variance

    seeds, accuracy, seed_sd = seeds or 1, 0.5 if accuracy is None else accuracy, seed_sd or 0.0
    wanted = 0.05 if gap is None else gap
    try:
        variance = gap_variance(accuracy, wanted, seed_sd, disagreement)
    except ValueError as error:
        raise UserError(f"power: {error}") from None
    assert items is not None
    rows = [_planned(variance, abs(wanted), items, n, chance, 1 - alpha) for n in sorted({*SEEDS, seeds})]
    if as_json:
        show_json([row | {"asked": row["seeds"] == seeds} for row in map(_finite, rows)])
        return
    title = (
        f"A gap of {100 * wanted:+g} points to {100 * accuracy:g} %, to be found with chance {chance:g} "
        f"(alpha {alpha:g})\n{some(items, 'shared item')}, sd of seeds {100 * seed_sd:g} points"
    )
    show_table(title, COLUMNS, [_worded(row) for row in rows], right=COLUMNS)
    if not seed_sd:
        say("Without --seed-sd this is about these very models: it says nothing of other seeds.")
    elif any(math.isnan(row["power"]) for row in rows):
        say("—: one seed does not tell how seeds vary; inf: no number would do.")


def _planned(
    variance: "GapVariance", gap: float, items: int, seeds: int, chance: float, level: float
) -> dict[str, float]:
    from offdiag.stats.power import items_needed, minimum_detectable_gap, power_of

    return {
        "seeds": seeds,
        "items": items,
        "power": power_of(gap, variance, items, seeds, level),
        "detectable": minimum_detectable_gap(variance, items, seeds, chance, level),
        "items_needed": items_needed(gap, variance, seeds, chance, level),
    }


def _of_study(wanted: "Plan", store: Any, settings: dict[str, float], *, as_json: bool) -> None:
    from offdiag import api
    from offdiag.analyses.precision import Precision
    from offdiag.gather import gather

    if not wanted.cells:
        raise UserError(
            f"{wanted.study.name} asks no questions of its own (it has {wanted.size}), so there is nothing to resolve; "
            "give --items (and --seeds, --accuracy, --gap)"
        )
    table = gather(wanted, api.open_store(store)).table(Precision(name="precision", **settings))
    if table.empty:
        raise UserError(f"{wanted.study.name} · {wanted.scale} has no result yet; type: offdiag run {wanted.command}")
    if as_json:
        show_json([_finite({str(k): v for k, v in row.items()}) for row in table.to_dict("records")])
        return
    title = f"{wanted.study.title}\n{wanted.study.name} · {wanted.scale}: detectable with chance {settings['power']:g}"
    rows = [
        [str(row["learner"]), _asked(row), f"{row['n_items']}", f"{row['n_seeds']}", _points(_of_seeds(row)),
         _points(row["detectable"]), _points(row["gap"]), _count(row["items_needed"]), _count(row["seeds_needed"])]
        for row in table.to_dict("records")
    ]  # fmt: skip
    show_table(title, OF_STUDY, rows, right=OF_STUDY[2:])
    say(
        "sd of seeds, detectable and gap in points; needed: items at these seeds, seeds at these items",
        "(inf: no number would do). The sd is that of all learners of a kind where they vary alike.",
        "With one seed nothing is known of others.",
        "All columns: --json, or table precision of the report.",
    )


def _asked(row: "Mapping[Hashable, Any]") -> str:
    """Return what was asked, and what it is scored by where that is not right or wrong."""
    metric = row.get("metric")
    return f"{row['eval']}, {metric}" if isinstance(metric, str) else str(row["eval"])


def _of_seeds(row: "Mapping[Hashable, Any]") -> float:
    """Return the standard deviation between seeds that the row's numbers are made with."""
    pooled = float(row["sd_seeds_pooled"])
    return float(row["sd_seeds"]) if math.isnan(pooled) else pooled


def _worded(row: dict[str, float]) -> list[str]:
    return [
        f"{row['seeds']}", f"{row['items']}", _points(row["power"]), _points(row["detectable"]),
        _count(row["items_needed"]),
    ]  # fmt: skip


def _points(value: float) -> str:
    number = float(value)
    return "—" if math.isnan(number) else f"{100 * number:.1f}"


def _count(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:g}" if math.isinf(value) else f"{value:,.0f}"


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row for JSON, which has no word for infinity and NaN."""
    return {
        name: None if value is None or (isinstance(value, float) and not math.isfinite(value)) else value
        for name, value in row.items()
    }
