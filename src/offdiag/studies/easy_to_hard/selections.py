"""Which rows of the results a table or a figure is about."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import NamedTuple, TypeAlias

from offdiag.studies.easy_to_hard.grid import methods_for
from offdiag.studies.easy_to_hard.params import Learning, Params

Where: TypeAlias = Mapping[str, str | int | float | bool]

UNTRAINED: Where = {"method": "zero-shot", "learner": "zero-shot", "k": 0}
HARD: Where = {"level": "hard"}
LEARNER = ("model", "learner", "eval_dataset", "eval_hardness")


class Place(NamedTuple):
    """A model and the data set that it is asked about: one set of figures."""

    model: str
    dataset: str
    slug: str

    @property
    def where(self) -> Where:
        """Its rows."""
        return {"model": self.model, "eval_dataset": self.dataset}


def places(p: Params) -> Iterator[Place]:
    """Each model with each data set that is asked; the model is in the slug where there are several."""
    for model, dataset in product(p.models, (p.asked,) if p.asked else p.datasets):
        name = f"{dataset}-{model.short_name}" if len(p.models) > 1 else dataset
        yield Place(model.short_name, dataset, name.lower())


def varying(p: Params) -> tuple[str, ...]:
    """What besides the method tells learners of one draw apart, as columns."""
    several = {
        "k": len(p.shots) > 1,
        "n_train": len(p.sizes) > 1,
        "noise": len(p.noises) > 1 or (p.noises[0] > 0 and p.hard_noise != 1),
    }
    return tuple(name for name, there in several.items() if there)


def has_levels(p: Params) -> bool:
    """Whether items of several levels are asked."""
    return p.hardness != ("none",) and not p.asked


def has_gap(p: Params) -> bool:
    """Whether learners from easy and from hard items are compared."""
    return (
        p.hardness != ("none",) and {"easy", "hard"} <= set(p.train_on) and any(methods_for(p, d) for d in p.datasets)
    )


def sources(p: Params) -> tuple[str, ...]:
    """What tells apart what was learnt from besides the level."""
    return ("train_dataset", "train_hardness") if p.asked else ()


def with_untrained(p: Params, name: Learning) -> Where:
    """Learners by one method, with the untrained one: columns that it lacks, so that it passes."""
    match name:
        case "linear-probe":
            return {"layers": "middle+last"}
        case "in-context" | "in-context+rationale":
            return {"demonstrations": "fixed", "rationale": name.endswith("+rationale")}
        case _:
            recipe = p.rationale_recipe if name.endswith("+rationale") else p.recipe
            return {"adapter": recipe.adapter, "rationale": name.endswith("+rationale")}


def without_untrained(name: Learning) -> Where:
    """Learners by one method alone."""
    method, _, rationale = name.partition("+")
    return {"method": method} if name == "linear-probe" else {"method": method, "rationale": bool(rationale)}


def most_data(p: Params, place: Place, name: Learning) -> Where:
    """The most that one method learns from."""
    return {"k": max(p.of(place.dataset).shots)} if name.startswith("in-context") else {"n_train": max(p.sizes)}


def least_noise(p: Params) -> Where:
    """One share of label noise, where there are several."""
    return {"noise": p.noises[0]} if "noise" in varying(p) else {}
