"""The study ``matrix``: every data set is taught by every method, and every data set is asked."""

import re
from collections.abc import Iterator, Sequence

from offdiag.analyses import AccuracyByStratum
from offdiag.errors import UserError
from offdiag.matrix.data_sets import DataSet, data_sets
from offdiag.matrix.learners import RATES, check_names, learner, pools_of
from offdiag.matrix.params import MatrixParams
from offdiag.methods import Method, ZeroShot
from offdiag.study import Arm, Cell, Design, Evaluation, study
from offdiag.tasks import PromptStyle

BASELINE = ZeroShot()


@study("matrix", scales={"quick": MatrixParams()})
def matrix(p: MatrixParams) -> Design:
    """Your own data: what is taught by row, what is asked by column.

    Accuracy on the diagonal says what was learnt; off the diagonal it says what that does to other data. Each number
    is compared, item by item, with the model as it is, if zero-shot is among the methods.
    """
    check_names(p.methods)
    data = data_sets(p)
    asked = [one for one in data if one.n_eval]
    learning = [name for name in p.methods if name != BASELINE.method]
    taught = [one for one in data if one.n_train]
    if p.epochs is not None and not any(name.partition(":")[0] in RATES for name in learning):
        raise UserError(
            f"--epochs {p.epochs}: only {', '.join(RATES)} have them: add one to --methods, or leave --epochs out"
        )
    if learning and not taught:
        raise UserError(f"nothing to teach by {', '.join(learning)}: type --train FILE, or --methods zero-shot")
    if "linear-probe" in learning and not all(one.chosen for one in asked):
        raise UserError("linear-probe chooses among answers, and some data sets have none: set labels or choices")
    arms = [(one, Arm(model=model, method=learner(name, one, pools_of(data), p.epochs), train=one.domain, seed=seed))
            for model in p.models for name in learning for one in taught for seed in range(p.seeds)]  # fmt: skip
    cells = [Cell(arm=arm, evaluation=e) for _, arm in arms for one in asked for e in evaluations(p, one, arm.method)]
    compared = "zero-shot" in p.methods
    return Design(
        cells=(*(_untuned(p, asked, cells) if compared else ()), *cells),
        baseline=BASELINE if compared else None,
        analyses=by_strata(p.strata),
    )


def by_strata(strata: Sequence[str]) -> tuple[AccuracyByStratum, ...]:
    """Return a table of each learner by the values of each of these columns."""
    return tuple(AccuracyByStratum(name=table_of(stratum), stratum=stratum) for stratum in strata)


def table_of(stratum: str) -> str:
    """Return a name for the table of a column, which may have any characters."""
    return f"by-{re.sub(r'[^a-zA-Z0-9]+', '-', stratum).strip('-') or 'stratum'}"


def evaluations(p: MatrixParams, asked: DataSet, method: Method) -> list[Evaluation]:
    """Return how a data set is asked of a method, by each score: in the words that it was taught, written or chosen."""
    style: PromptStyle = method.taught_style or "direct"
    chosen = asked.chosen and style == "direct"
    return [
        Evaluation(
            domain=asked.domain,
            n=asked.n_eval,
            style=style,
            answering="choice" if chosen else "generation",
            max_new_tokens=asked.max_new_tokens if style == "direct" else max(256, asked.max_new_tokens),
            sampling=p.sampling,
            score=score,
            judge=p.judged,
        )
        for score in p.scores
    ]


def _untuned(p: MatrixParams, asked: Sequence[DataSet], cells: Sequence[Cell]) -> Iterator[Cell]:
    """Yield the cells of the models as they are: all that is asked, in all words in which the others are asked."""
    plain = (e for one in asked for e in evaluations(p, one, BASELINE))
    wanted = dict.fromkeys([cell.evaluation for cell in cells] or plain)
    for model in p.models:
        arm = Arm(model=model, method=BASELINE)
        yield from (Cell(arm=arm, evaluation=one) for one in wanted)
