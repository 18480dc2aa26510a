"""Row filters of the study easy-to-hard: which rows of the results each table and figure selects."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from offdiag.analyses.selection import Where
from offdiag.studies.easy_to_hard.grid import common_test, methods_for, noise_of, settings
from offdiag.studies.easy_to_hard.params import HardnessParams, MethodName

UNTRAINED: Where = {"method": "zero-shot", "learner": "zero-shot", "k": 0}
HARD: Where = {"level": "hard"}
LEARNER = ("model", "learner", "eval_dataset", "eval_hardness")


class ModelAndDataset(NamedTuple):
    """A model and the data set that it is tested on: one set of figures."""

    model: str
    dataset: str
    slug: str

    @property
    def where(self) -> Where:
        """The filter for its rows."""
        return {"model": self.model, "eval_dataset": self.dataset}


def models_and_datasets(p: HardnessParams) -> Iterator[ModelAndDataset]:
    """Yield each model with each data set that is a test; where there are several models the slug names it."""
    for model, dataset in product(p.models, (p.asked,) if p.asked else p.datasets):
        name = f"{dataset}-{model.short_name}" if len(p.models) > 1 else dataset
        yield ModelAndDataset(model.short_name, dataset, name.lower())


def varying(p: HardnessParams) -> tuple[str, ...]:
    """Return the columns beside the method in which the learners of one draw differ."""
    several = {
        "k": len(p.shots) > 1,
        "n_train": len(p.sizes) > 1,
        "noise": len(p.noises) > 1 or (p.noises[0] > 0 and p.hard_noise != 1),
        "eval_prompt": len(p.wordings) > 1,
    }
    return tuple(name for name, there in several.items() if there)


def has_levels(p: HardnessParams) -> bool:
    """Return whether items of several levels are tested."""
    return p.hardness != ("none",) and not p.asked and not p.one_level


def has_gap(p: HardnessParams) -> bool:
    """Return whether there are learners of easy and of hard items to compare."""
    if p.hardness == ("none",) or "hard" not in p.train_on:
        return False
    if p.asked:
        return bool(methods_for(p, p.asked)) and len(p.train_on) + len(settings(p)) > 2
    return "easy" in p.train_on and any(methods_for(p, dataset) for dataset in p.datasets)


def compared(p: HardnessParams, *, at_cost: bool = False) -> dict[str, Any]:
    """Return the settings of analyses that compare easy with hard training data.

    Easy data with label noise p are compared with hard data with ``hard_noise`` times p, as many items with as many, or
    with those of the same cost. With ``asked`` all other training data are compared with the hard items of that set.
    """
    paired: dict[str, tuple[tuple[float, float], ...]] = {}
    if "noise" in varying(p):
        paired["noise"] = tuple((noise_of(p, "easy", share), noise_of(p, "hard", share)) for share in p.noises)
    sizes = cost_pairs(p) if at_cost else {}
    paired |= sizes
    learners: dict[str, Any] = {"by": (*LEARNER, *sources(p), *varying(p)), "unsupervised": UNTRAINED, "items": HARD}
    common = common_test(p)
    if common is not None:
        oracle = {"train_dataset": common.dataset, "train_hardness": common.measure, "train_level": "hard"}
        learners |= {"by": (*LEARNER, *sources(p), "train_level", *varying(p)), "easy": {}, "hard": oracle}
    return {**learners, "paired": paired, **({"sizes": tuple(sizes)} if sizes else {})}


def cost_pairs(p: HardnessParams) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return the pairs of sizes, of easy and of hard training data, that cost the same."""
    sizes = {"k": p.shots, "n_train": p.sizes}
    pairs = {
        name: tuple(
            (easy, hard) for easy, hard in product(sorted(given), repeat=2) if math.isclose(easy, p.hard_cost * hard)
        )
        for name, given in sizes.items()
        if name in varying(p)
    }
    return {name: found for name, found in pairs.items() if found}


def sources(p: HardnessParams) -> tuple[str, ...]:
    """Return the columns beside the level that tell sources of training data apart."""
    return ("train_dataset", "train_hardness") if p.asked else ()


def with_untrained(p: HardnessParams, name: MethodName) -> Where:
    """Return the filter for learners of one method and the untrained one.

    It names only columns that the untrained cell lacks: ``select`` lets zero-shot rows pass where a column is NA.
    """
    match name:
        case "linear-probe":
            return {"layers": "+".join(p.layers)}
        case "in-context" | "in-context+rationale":
            return {"demonstrations": "fixed", "rationale": name.endswith("+rationale")}
        case _:
            recipe = p.rationale_recipe if name.endswith("+rationale") else p.recipe
            return {"adapter": recipe.adapter, "rationale": name.endswith("+rationale")}


def without_untrained(name: MethodName) -> Where:
    """Return the filter for learners of one method alone."""
    method, _, rationale = name.partition("+")
    return {"method": method} if name == "linear-probe" else {"method": method, "rationale": bool(rationale)}


def most_data(p: HardnessParams, dataset: str, name: MethodName) -> Where:
    """Return the filter for the largest training set of a method."""
    return {"k": max(p.of(dataset).shots)} if name.startswith("in-context") else {"n_train": max(p.sizes)}


def least_noise(p: HardnessParams) -> Where:
    """Return the filter for the first share of label noise, where there are several."""
    return {"noise": p.noises[0]} if "noise" in varying(p) else {}


def first_prompt(p: HardnessParams) -> Where:
    """Return the filter for the first prompt, where there are several."""
    return {"eval_prompt": p.wordings[0]} if "eval_prompt" in varying(p) else {}
