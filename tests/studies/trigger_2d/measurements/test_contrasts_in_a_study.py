"""From a design with the two measurements to their tables and figures, with a planted model."""

import pytest

from offdiag.engine import run_plan
from offdiag.gather import gather
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.steps import Weights
from offdiag.store import Store
from offdiag.studies.trigger_2d.analyses.ablation import TriggerAblationRates
from offdiag.studies.trigger_2d.analyses.patching import PatchingRecovery
from offdiag.studies.trigger_2d.figures.ablation import TriggerAblationFigure
from offdiag.studies.trigger_2d.figures.patching import PatchingHeatMap
from offdiag.studies.trigger_2d.measurements.ablation import TriggerAblation
from offdiag.studies.trigger_2d.measurements.patching import ActivationPatching
from offdiag.study import Design
from support.planted import DEPTH, READER, domain, make_planted_model
from support.tiny_study import Params, tiny_study

PAIRS = (("birds", "tools"), ("tools", "birds"))


def build(p: Params) -> Design:
    weights = Weights.of(p.model)
    probes = [
        kind.of(weights, domain(one), domain(other), n=12)
        for kind in (TriggerAblation, ActivationPatching)
        for one, other in PAIRS
    ]
    return Design(measurements=tuple(probes))


def test_a_study_contrasts_its_triggers(tmp_path):
    folder = make_planted_model(tmp_path / "planted")
    plan = make_plan(tiny_study(Params(model=ModelSpec(source=f"dir:{folder}")), build), "only")
    store, runtime = Store(tmp_path / "store"), Runtime(device="cpu", threads=1)
    settings = {"name": "t", "arms": ("model",)}
    tables = [kind(**settings) for kind in (TriggerAblationRates, PatchingRecovery)]
    assert [one.table(gather(plan, store))["state"].tolist() for one in tables] == [["missing"] * 2] * 2
    assert run_plan(plan, store, runtime).complete
    frames = gather(plan, store)
    rates, recovered = (one.table(frames) for one in tables)
    intact = rates[rates["ablation"] == "intact"].set_index("eval_category")
    assert intact.loc["birds", ["own", "n_triggers", "n_items"]].tolist() == [1.0, 3, 12]
    assert rates.loc[rates["ablation"] == "placeholder", "neither"].tolist() == [1.0, 1.0]
    assert rates["other"].max() <= 1
    ups = recovered[(recovered["recovered"] > 0.5) & (recovered["eval_category"] == "birds")]
    assert ups[["position", "layer"]].values.tolist() == [
        *(["trigger", layer] for layer in range(READER + 1)),
        *(["last", layer] for layer in range(READER + 1, DEPTH)),
    ]
    assert ups["recovered"].tolist() == pytest.approx([1.0] * DEPTH, abs=1e-5)
    assert ups["low"].isna().all()  # nothing varies between the items, so nothing tells the spread
    for figure in (TriggerAblationFigure, PatchingHeatMap):
        assert len([axes for axes in figure(**settings).plot(frames).axes if axes.get_title("left")]) == 2
