"""The paper scale of a study with every size divided by one factor, on tiny random models instead of large ones.

What a study asks stays as it is: bases, geometries, methods, strategies, levels, widths of a ladder, precisions and
adapters. Only how much of it there is becomes small, so that a plan of days runs in minutes.
"""

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

from offdiag.models import ModelSpec
from offdiag.study import StudyParams

FACTOR = 100_000
# How much there is of something, by the name of its parameter: the least of it with which a study can be planned.
SIZES = {
    "batch_size": 4, "count": 60, "demonstrations": 5, "elicitation": 4, "epochs": 1, "eval_points": 4,
    "first_points": 4, "least_updates": 1, "max_direct_tokens": 4, "max_new_tokens": 8, "max_updates": 3,
    "n_counting": 3, "n_eval": 12, "n_train": 8, "n_triggers": 5, "new_count": 12, "points": 4,
    "probe_points": 4, "replay": 8, "rows": 40, "sizes": 8, "snapshots": 2, "second_snapshots": 2, "updates":
    8, "warmup_updates": 0, "width": 32,
}  # fmt: skip
# How often something is drawn anew, in numbers or as a list: the draws that are left.
DRAWS = {"seeds": 2, "data_seeds": 2, "bootstraps": 2}
MODELS = 2  # how many are left where each is asked and taught the same
# Numbers that say what is asked or how, and not how much of it.
KEPT = {
    "alpha", "base", "base_width", "bases", "beta2", "clip", "cutoffs", "depth", "digits", "dropout",
    "eval_checkpoints", "eval_share", "expansion", "format_reward", "group_size", "hard_cost", "hard_noise",
    "heads", "highest", "id_digits", "initial_std", "kl", "l2", "layers", "learning_rate", "lowest",
    "max_grad_norm", "n_prompts", "n_test", "noises", "other_bases", "passes", "per_degree",
    "per_query_shots", "policy_bases", "proxy_triggers", "rank", "rho", "rotations", "shares", "shots",
    "temperature", "token_budget", "top_p", "tuned_bases", "tuned_digits", "weight_decay", "world_seed", "x1",
    "x2",
}  # fmt: skip


def shrunk(params: StudyParams, model: Callable[[int], str]) -> StudyParams:
    """Return the parameters with small sizes; ``model`` gives the source of the tiny model with a number.

    A test set of all items (``n_test``) becomes one of twelve, answers of the published length (300 tokens) one of
    eight tokens, of several models two are left, and the sentence embedder, an extra, is left out.
    """
    small = _smaller(params, model)
    left = {"n_test": 12, "max_new_tokens": SIZES["max_new_tokens"], "sentence_embedder": False}
    return type(params).model_validate({**small, **{name: value for name, value in left.items() if name in small}})


def _smaller(params: BaseModel, model: Callable[[int], str]) -> dict[str, Any]:
    """Return the values of the parameters, each made smaller where it is a size."""
    return {name: _small(name, getattr(params, name), model) for name in type(params).model_fields}


def _small(name: str, value: Any, model: Callable[[int], str]) -> Any:
    if isinstance(value, ModelSpec):
        return _tiny(value, model(0))
    if name == "models":
        return tuple(_tiny(one, model(number)) for number, one in enumerate(value[:MODELS]))
    if isinstance(value, BaseModel):
        return _smaller(value, model)
    if name in DRAWS and not isinstance(value, str):
        return min(value, DRAWS[name]) if isinstance(value, int) else value[: DRAWS[name]]
    if name in SIZES and isinstance(value, tuple):
        return tuple(dict.fromkeys(_divided(name, one) for one in value))
    return _divided(name, value) if name in SIZES and isinstance(value, int) else value


def _divided(name: str, size: int) -> int:
    """Return a size divided by the factor, though not below the least one; none stays none."""
    return min(size, max(SIZES[name], size // FACTOR))


def _tiny(spec: ModelSpec, source: str) -> ModelSpec:
    """Return the model that stands for another one, in its precision; those trained from scratch are made small."""
    return spec if spec.source.startswith("scratch:") else spec.model_copy(update={"source": source})


def numbers(params: BaseModel) -> Iterator[str]:
    """Yield the name of each parameter that is a number or a list of numbers, those of its parts too."""
    for name in type(params).model_fields:
        value = getattr(params, name)
        if isinstance(value, BaseModel):
            yield from numbers(value)
        elif _is_number(value) or (isinstance(value, tuple) and value and all(map(_is_number, value))):
            yield name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
