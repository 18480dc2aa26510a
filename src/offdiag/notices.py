"""Lines that must be seen beside any number: on errors, prompts that were cut, answers that move with the batch."""

from collections import Counter
from collections.abc import Collection, Iterator

from offdiag.cell_records import CellRecords
from offdiag.errors import some
from offdiag.models.finite import NOT_FINITE
from offdiag.models.flips import FILE, FlipRate, kept_rates
from offdiag.planning import Plan
from offdiag.store import Store


def not_finite(found: Collection[CellRecords]) -> tuple[str, ...]:
    """Return a line on items that are errors, if there are any; ``found`` are all cells."""
    spoilt = [n for one in found if (n := one.lost[NOT_FINITE])]
    if not spoilt:
        return ()
    return (
        f"{some(sum(spoilt), 'item is an error', 'items are errors')} in {len(spoilt)} of "
        f"{some(len(found), 'cell')}: the model gave numbers that are not finite (NaN or infinite). They are in no "
        "accuracy; column n_errors counts them.",
    )


def ungraded(found: Collection[CellRecords]) -> tuple[str, ...]:
    """Return a line on answers that the grader failed on, with its commonest error, if there are any."""
    failed = [one for one in found if one.n_ungraded]
    if not failed:
        return ()
    n = sum(one.n_ungraded for one in failed)
    said: Counter[str] = Counter()
    for one in failed:
        said.update(one.failures)
    why = f" (mostly: {said.most_common(1)[0][0]})" if said else ""
    items = sum(one.lost["ungraded"] for one in failed)
    counted = (
        "column n_errors counts them" if items == n else f"they leave {some(items, 'item')} without any, see n_errors"
    )
    return (
        f"{some(n, 'answer is', 'answers are')} ungraded in {len(failed)} of {some(len(found), 'cell')}: the grader "
        f"failed on them{why}. They are in no accuracy; {counted}.",
    )


def shortened(found: Collection[CellRecords]) -> tuple[str, ...]:
    """Return a line on prompts that lost demonstrations, if there are any."""
    shorter = [one.n_shortened for one in found if one.n_shortened]
    if not shorter:
        return ()
    return (
        f"{some(sum(shorter), 'item was', 'items were')} asked in {len(shorter)} of {some(len(found), 'cell')} with "
        "fewer demonstrations than planned, as the model's context does not hold them all; column n_shortened counts "
        "them.",
    )


def flips(plan: Plan, store: Store) -> Iterator[str]:
    """Yield a line on each model in 16 bits or int8: how many of its answers change with the token budget."""
    specs = dict.fromkeys(step.answers.weights.spec for step in plan.cells.values())
    rates = kept_rates(store.root / FILE)
    for spec in specs:
        if spec.rounds_coarsely:
            rate = FlipRate.kept(rates, spec)
            how = f"offdiag doctor --model {spec.source} --dtype {spec.dtype}"
            how += "" if spec.quantization == "none" else f" --quantization {spec.quantization}"
            unknown = f"single answers may change with the batch; to measure it, type: {how}"
            yield f"{spec.source} computes in {spec.numbers}: " + (f"{rate} ({how})" if rate else unknown)
