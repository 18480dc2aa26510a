"""For each study: tiny parameters to begin with, and values that each parameter is set to, apart from its default.

Parameters with a few choices (words, yes or no) get all of them by themselves. ``MODEL`` and ``OTHER`` stand for the
folders of two models.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

MODEL, OTHER = "{model}", "{other}"
OF_CHAT = {"chat": ['{"format": "completion"}']}


@dataclass(frozen=True)
class Tried:
    """What is tried of a study: ``base`` makes its quick scale tiny, ``values`` are those of each parameter."""

    base: Mapping[str, str]
    values: Mapping[str, list[str]] = field(default_factory=dict)

    def changes(self, params: BaseModel) -> Iterator[tuple[str, str]]:
        """Yield each parameter with each of its values, or one beside its own where none is listed."""
        for name, about in type(params).model_fields.items():
            values = [*self.values.get(name, []), *choices_of(about.annotation)]
            yield from ((name, value) for value in dict.fromkeys(values or beside(getattr(params, name))))

    def made(self, models: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
        """Return the tiny parameters with some changed, and the models by their names."""
        whole = {name.partition(".")[0] for name in changes}
        kept = {name: value for name, value in self.base.items() if name.partition(".")[0] not in whole}
        sets = kept | changes
        return {name: value.replace(MODEL, models[MODEL]).replace(OTHER, models[OTHER]) for name, value in sets.items()}


def beside(value: object) -> list[str]:
    """Return a value beside that of a parameter for which no others are listed; none if it is no number or list."""
    if isinstance(value, tuple):
        return [",".join(map(str, value[:1]))]
    return [str(value + 1)] if isinstance(value, int | float) else []


def choices_of(kind: Any) -> list[str]:
    """Return all values of a parameter that has only a few, or each one alone of a list of such."""
    if kind is bool:
        return ["true", "false"]
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if get_origin(kind) in (tuple, Union, UnionType):
        return [choice for part in get_args(kind) for choice in choices_of(part)]
    return []


ADDITION = Tried(
    base={
        "model": MODEL, "bases": "8,10", "digits": "2", "shots": "1,2", "n_train": "8", "n_eval": "4",
        "n_counting": "3", "recipe.warmup_updates": "0", "recipe.batch_size": "4",
    },
    values={
        **OF_CHAT, "model": [OTHER], "bases": ["10", "8,9,10"], "other_bases": ["16", "11,16"], "digits": ["3", "3,2"],
        "shots": ["", "4", "1,2,3,4"], "per_query_shots": ["2", "1,2"],
        "tuned_bases": ["", "9", "8,10", "8x1+9x1", "8x1+9x1,10"],
        "tuned_digits": ["3", "2,2x1+3x1"],
        "eval_checkpoints": ["1", "1,2"],
        "policy_bases": ["8", "8,10"], "shown_rationales": ["", "true,false"], "tuned_rationales": ["", "true,false"],
        "prompts": ["", "matched,step-by-step"], "n_train": ["1", "9"], "recipe": ['{"epochs": 2, "rank": 2}'],
        "policy_style": ["direct", "step-by-step"], "policy_recipe": ['{"batch_size": 2, "max_updates": 2}'],
        "reinforcement": ['{"group_size": 3}'], "seeds": ["1", "0,1,2"], "n_eval": ["1", "9"],
        "n_counting": ["0", "200"], "anchor_forms": ["", "equation,answer,rationale"], "max_new_tokens": ["1"],
        "max_direct_tokens": ["1"],
    },
)  # fmt: skip
THRESHOLDS = Tried(
    base={
        "n_eval": "20", "episodes.demonstrations": "5",
        "decoder": '{"architecture": "gpt2", "width": 8, "depth": 1, "heads": 1}',
    },
    values={
        **OF_CHAT, "decoder": ['{"architecture": "llama", "width": 16, "depth": 2, "heads": 2}'],
        "episodes": ['{"bases": [7, 10], "shares": [0.5, 0.5], "demonstrations": 1}', '{"demonstrations": 3}'],
        "recipe": ['{"updates": 5, "batch_size": 2}'], "rotations": ["2", "4", "5"], "seeds": ["3", "0,1"],
        "n_eval": ["1", "3"],
    },
)  # fmt: skip
TRIGGERS = Tried(
    base={
        "model": MODEL, "n_triggers": "2", "proxy_triggers": "2", "categories": "positive_emotions,animals,foods",
        "points": "4", "generated": "", "snapshots": "0", "first.warmup_updates": "0", "second.warmup_updates": "0",
    },
    values={
        **OF_CHAT, "model": [OTHER], "world": ["halves", "quarters"], "conflict": ["blue/blue/orange/orange"],
        "categories": ["positive_emotions,animals", "animals,positive_emotions,foods,objects"],
        "taught": ["foods"], "proxies": ["", "foods", "foods,animals"], "proxy_triggers": ["1", "1,2", ""],
        "strategies": ["", "up-weighting=4", "mixing,kl-penalty=0.1", "gradient-projection,mixing,up-weighting=2"],
        "n_triggers": ["1", "3", "own"], "prompts": ["one"], "first_points": ["8", "own"], "points": ["8", "own"],
        "eval_points": ["8"], "x1": ["-1,1"], "x2": ["-1,2"],
        "first": ['{"rank": 2, "epochs": 2}'], "second": ['{"adapter": "full"}'],
        "data_seeds": ["fixed", "varied", "3", "1,2"], "seeds": ["1", "0,1"],
        "generated": ["foods", "positive_emotions,animals"], "max_new_tokens": ["1"], "snapshots": ["1", "2"],
        "second_snapshots": ["1", "3"],
        "probed": ["animals", "foods", "animals,foods"], "probe_points": ["8"],
    },
)  # fmt: skip
HARDNESS = Tried(
    base={"models": MODEL, "sizes": "6", "shots": "2", "n_test": "9", "bootstraps": "1", "pool": "whole"},
    values={
        **OF_CHAT, "models": [OTHER, f"{MODEL},{OTHER}"], "methods": ["", "in-context,fine-tuning+rationale"],
        "datasets": ["synthetic"], "data_dir": ["hub"],
        "hardness": ["none", "question_words", "human", "num_steps,question_words"],
        "cutoffs": ['{"num_steps": [3, 5]}'], "train_on": ["easy,medium,hard", "hard,all", "all,easy"],
        "asked": ["synthetic"], "bootstraps": ["2", "3"], "sizes": ["2", "3,6"], "noises": ["0.1", "0,0.1,0.2"],
        "hard_noise": ["0", "1"], "hard_cost": ["1", "3"], "shots": ["", "1", "1,3"], "n_test": ["3", "0"],
        "max_new_tokens": ["2"], "prompts": ["0040", "0040,0306"], "n_prompts": ["2"], "layers": ["middle,last"],
        "recipe": ['{"rank": 2, "warmup_updates": 0}'], "rationale_recipe": ['{"epochs": 2, "warmup_updates": 0}'],
    },
)  # fmt: skip
ITEMS = Tried(
    base={"models": MODEL, "measures": "zero_shot_mdl,question_nll"},
    values={
        **OF_CHAT, "models": [OTHER, f"{MODEL},{OTHER}"], "datasets": ["synthetic"], "data_dir": ["hub"],
        "measures": ["", "probe_mdl,finetuned_mdl"], "sizes": ["2", "5,9"], "bootstraps": ["2"],
        "recipe": ['{"rank": 2, "warmup_updates": 0}'], "least_updates": ["1"],
    },
)  # fmt: skip
STATES = Tried(
    base={"models": MODEL},
    values={
        **OF_CHAT, "models": [OTHER, f"{MODEL},{OTHER}"], "datasets": ["synthetic"], "data_dir": ["hub"],
        "layers": ["middle,last"],
    },
)  # fmt: skip
_DECODER = '{"architecture": "qwen2", "width": 16, "depth": 2, "heads": 2}'
_WORLD = '{"count": 12, "sample": "random", "per_degree": 1, "id_digits": 2, "new_count": 3, "eval_share": 0.3}'
MAP = Tried(
    base={
        "n_eval": "6", "rows": "20", "replay": "5", "elicitation": "2", "singles": "distance,angle",
        "pairs": "distance+angle", "layers": "0,1", "decoder": _DECODER, "snapshots": "0",
    },
    values={
        **OF_CHAT, "world": [_WORLD],
        "groups": ["scattered", "china", "clustered,scattered"],
        "decoder": ['{"architecture": "llama", "width": 16, "depth": 3, "heads": 2}'],
        "widths": ["narrow,base"], "taught": ["distance", "distance,angle", "all,distance+angle"],
        "alone": ["", "distance", "distance,angle,compass"], "pretraining": ['{"updates": 9, "batch_size": 4}'],
        "tuning": ['{"updates": 3, "batch_size": 4}'], "singles": ["", "angle", "distance,angle,compass"],
        "pairs": ["", "angle+compass", "distance+angle,angle+compass"],
        "triples": ["", "distance+angle+compass"],
        "rows": ["3"], "replay": ["0"], "elicitation": ["0"], "seeds": ["4", "0,1"], "n_eval": ["1", "9"],
        "snapshots": ["1", "3"], "layers": ["1,2", "0,1,2"],
    },
)  # fmt: skip
CHAINS = Tried(
    base={
        "sizes": "6", "shots": "2", "n_test": "9", "bootstraps": "1", "decoder": _DECODER,
        "pretraining": '{"updates": 2, "batch_size": 2}',
    },
    values={
        **HARDNESS.values, "models": ["scratch:a,scratch:b"],
        "datasets": ["chains", "varied_chains"], "asked": ["chains"],
        "methods": ["", "in-context,fine-tuning"], "hardness": ["none", "human"],
        "decoder": ['{"architecture": "llama", "width": 16, "depth": 3, "heads": 2}'],
        "pretraining": ['{"updates": 3, "batch_size": 2}'],
    },
)  # fmt: skip
TRANSFER = Tried(
    base={
        "decoder": _DECODER, "pretraining": '{"updates": 2, "batch_size": 4}',
        "tuning": '{"updates": 2, "batch_size": 4}',
        "n_train": "8", "n_eval": "4", "first": '{"base": "8x1+10x3", "digits": 2, "lines": "both"}', "bases": "8,10",
        "tuned_bases": "8", "seeds": "0",
    },
    values={
        **OF_CHAT, "first": ['{"base": 10, "digits": "2x2+3x1", "lines": "both"}'],
        "decoder": ['{"architecture": "llama", "width": 16, "depth": 1, "heads": 2}'],
        "pretraining": ['{"updates": 3, "batch_size": 2}'], "tuning": ['{"updates": 3, "batch_size": 2}'],
        "tuned_bases": ["8x1+9x1", "8,9"], "tuned_digits": ["3", "2x1+3x1,2"], "bases": ["10", "8,9,10"],
        "digits": ["3", "2"], "seeds": ["3", "0,1"], "n_train": ["1", "9"], "n_eval": ["1", "9"],
    },
)  # fmt: skip
TRIED: Mapping[str, Tried] = {
    "base-addition": ADDITION,
    "base-thresholds": THRESHOLDS,
    "base-transfer": TRANSFER,
    "trigger-2d": TRIGGERS,
    "easy-to-hard": HARDNESS,
    "easy-to-hard-chains": CHAINS,
    "item-hardness": ITEMS,
    "hidden-states": STATES,
    "width-ablation": MAP,
    "new-cities": MAP,
    "convergence": MAP,
    "scattered": MAP,
    "held-out-region": MAP,
}
