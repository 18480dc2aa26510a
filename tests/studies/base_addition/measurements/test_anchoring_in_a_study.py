"""From a design with measurements to the tables and figures, with a tiny random model."""

from offdiag.engine import run_plan
from offdiag.gather import gather
from offdiag.methods import InContext
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.store import Store
from offdiag.studies.base_addition.analyses.anchoring import AnchoringScores
from offdiag.studies.base_addition.analyses.anchoring_correlation import AnchoringCorrelation
from offdiag.studies.base_addition.figures.accuracy_by_anchoring import AccuracyByAnchoring
from offdiag.studies.base_addition.figures.layerwise_anchoring import LayerwiseAnchoring
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from offdiag.study import Arm, Cell, Design, Evaluation
from support.tiny_study import Params, tiny_study

BASES, SHOTS = (8, 9), (2, 3)


def build(p: Params) -> Design:
    def cell(base: int, k: int) -> Cell:
        arm = Arm(model=p.model, method=InContext(k=k, rationale=False), train=Sums(base=base))
        return Cell(arm=arm, evaluation=Evaluation(domain=Sums(base=base), n=3, max_new_tokens=4))

    return Design(
        cells=tuple(cell(base, k) for base in BASES for k in SHOTS),
        measurements=tuple(Anchoring.of(p.model, Sums(base=base), SHOTS, n=3, form="answer") for base in BASES),
    )


def test_a_study_measures_and_analyses(tiny_model, tmp_path):
    plan = make_plan(tiny_study(Params(model=ModelSpec(source=f"dir:{tiny_model}")), build), "only")
    store, runtime = Store(tmp_path / "store"), Runtime(device="cpu", threads=1)
    before = gather(plan, store)
    assert AnchoringScores(name="s").table(before)["state"].tolist() == ["missing", "missing"]
    assert AnchoringCorrelation(name="c").table(before).empty
    assert run_plan(plan, store, runtime).complete
    frames = gather(plan, store)
    scores = AnchoringScores(name="s", match_on=("base",)).table(frames)
    assert scores[["eval_base", "pooling", "k"]].values.tolist() == [
        [base, pooling, k] for base in BASES for pooling in ("last", "mean") for k in SHOTS
    ]
    assert scores["ausn"].notna().all()
    found = AnchoringCorrelation(name="c", match_on=("base",), n_resamples=100).table(frames)
    assert (found.loc[found["over"] == "all", "n_points"] == 4).all()
    assert not found["rationale"].any()
    for figure in (LayerwiseAnchoring(name="f"), AccuracyByAnchoring(name="g", measured={"pooling": "last"})):
        assert figure.plot(frames).axes
