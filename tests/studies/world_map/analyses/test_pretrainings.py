"""Several pre-trainings beside each other: on other questions, and on the new cities, too."""

import pytest

from offdiag.errors import NotPlannedError
from offdiag.studies.world_map.analyses.transfer_improvement import TransferImprovement
from offdiag.studies.world_map.analyses.upper_bound import UpperBound
from support.city_study import CityStudy


def asked(study, arm, geometry, new, ordinary, **factors):
    """A pre-trained model with its answers on new and on ordinary cities, under a name of its own."""
    for cities, answers in (("atlantis", new), ("real", ordinary)):
        study.add("base", 0, None, geometry, cities, answers)
        own = {"cell": f"{arm}--{geometry}-{cities}", "arm": arm, **factors}
        study.cells[-1] |= own
        for record in study.records[-len(answers) :]:
            record |= own


def test_what_a_model_was_pretrained_on_tells_it_apart():
    study = CityStudy()
    for taught in ("angle", "compass"):
        asked(study, taught, "distance", [1000.0], [100.0], train_geometry=taught)
        study.add("base", 0, "distance", "distance", "atlantis", [300.0 if taught == "angle" else 30.0])
        own = {"cell": f"{taught}.tuned--distance", "arm": f"{taught}.tuned", "after": taught}
        study.cells[-1] |= own
        study.records[-1] |= own
    table = TransferImprovement(name="t", arms=("model", "start")).table(study.frames()).set_index("start")
    assert table["improvement"].to_dict() == pytest.approx({"angle": 0.5229, "compass": 1.5229}, abs=1e-4)


def test_the_upper_bound_is_placed_on_the_scale_of_the_model_that_met_ordinary_cities_alone():
    study = CityStudy()
    asked(study, "start", "distance", [1000.0], [100.0])
    asked(study, "bound", "distance", [200.0], [90.0], train_cities="mixed")
    (row,) = UpperBound(name="u").table(study.frames()).to_dict("records")
    assert (row["before"], row["reference"], row["value"]) == (1000, 100, 200)
    assert row["improvement"] == pytest.approx(0.699, abs=1e-3)


def test_without_such_models_it_is_not_planned():
    study = CityStudy()
    asked(study, "start", "distance", [1000.0], [100.0])
    with pytest.raises(NotPlannedError, match="upper_bound=true"):
        UpperBound(name="u").table(study.frames())
