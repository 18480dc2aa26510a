"""The study easy-to-hard-chains: easy data for hard questions under control, with a model trained from nothing.

The cells, tables and figures are those of easy-to-hard; what is set by hand is how hard an item is (its steps; of
``varied_chains`` the number of different digits and of idle ones, too), and what the untrained model knows of the rule
that is taught.
"""

from typing import Self

from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.methods import PreTraining, Recipe
from offdiag.models import ModelSpec
from offdiag.studies.easy_to_hard.grid import cells, measurements
from offdiag.studies.easy_to_hard.outputs import analyses, figures
from offdiag.studies.easy_to_hard.params import HardnessParams, MethodName
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.studies.easy_to_hard.task.strata import Stratum
from offdiag.study import Arm, Design, study
from offdiag.training import Decoder, PretrainingRecipe

_METHODS: tuple[MethodName, ...] = ("in-context", "linear-probe", "fine-tuning")


class ChainParams(HardnessParams):
    """Parameters of easy-to-hard-chains: those of easy-to-hard, and the models that are trained first.

    Attributes:
        models: one that is trained from nothing each, ``scratch:NAME``; the place in the list is its seed.
        decoder, pretraining: what it is, and how it is trained.
    """

    models: tuple[ModelSpec, ...] = Field(default=(ModelSpec(source="scratch:chains"),), min_length=1)
    methods: tuple[MethodName, ...] = _METHODS
    datasets: tuple[str, ...] = Field(default=("chains",), min_length=1)
    hardness: tuple[str, ...] = Field(default=("num_steps",), min_length=1)
    train_on: tuple[Stratum, ...] = Field(default=("easy", "hard"), min_length=1)
    decoder: Decoder = Decoder(width=64, depth=3, heads=4, expansion=3, initial_std=0.06)
    pretraining: PretrainingRecipe = PretrainingRecipe(updates=1000, batch_size=32)
    recipe: Recipe = Recipe(learning_rate=3e-3, batch_size=16, epochs=5, warmup_updates=0, targets="all-linear")

    @model_validator(mode="after")
    def _worded_in_chains(self) -> Self:
        """Check that no prompt has words where a model knows the tokens of chains alone."""
        if any(model.origin.from_scratch for model in self.models):
            for name, value in (
                ("prompts", ",".join(self.prompts)),
                ("n_prompts", self.n_prompts),
                ("labels", self.labels),
            ):
                usual = type(self).model_fields[name].default
                if getattr(self, name) != usual:
                    raise UserError(
                        f"{name}={value}: a model that is trained from nothing reads no words; leave it out"
                    )
        return self

    def start(self, model: ModelSpec) -> Arm | None:
        """Return the pre-trained model, which has met the rule that is taught as one of eight, without a name."""
        if not model.origin.from_scratch:
            return None
        method = PreTraining(decoder=self.decoder, recipe=self.pretraining)
        dataset = "varied_chains" if "varied_chains" in self.datasets else "chains"
        chains = HardnessDomain(dataset=dataset, n_train=0)
        return Arm(model=model, method=method, train=chains, seed=self.models.index(model))


QUICK = ChainParams(bootstraps=6, sizes=(96,), shots=(2,), n_test=300)
CPU = ChainParams(
    models=tuple(ModelSpec(source=f"scratch:chains-{i}") for i in range(3)), bootstraps=10, sizes=(96,), shots=(2,),
    decoder=Decoder(width=64, depth=4, heads=4, expansion=3, initial_std=0.06),
    pretraining=PretrainingRecipe(updates=4000, batch_size=64),
)  # fmt: skip
PAPER = CPU.model_copy(
    update={
        "models": tuple(ModelSpec(source=f"scratch:chains-{i}") for i in range(5)),
        "decoder": Decoder(width=256, depth=6, heads=8, expansion=3, initial_std=0.02),
        "pretraining": PretrainingRecipe(updates=20_000, batch_size=128, learning_rate=1e-3),
    }
)


@study("easy-to-hard-chains", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def easy_to_hard_chains(p: ChainParams) -> Design:
    """Easy data for hard questions under control: short chains teach a rule, long ones ask for it.

    The claim: where the model has met what is asked and only has to find out which it is, easy data recover most of
    what hard data give, and all of it once they leave no doubt. A chain of one step fits half of the rules that the
    model has met, a chain of six two of eight; figure recovered tests how much that costs. With noises and sizes set,
    figures noise and cost show when easy data that are cleaner, or cheaper, become the better ones.
    """
    return Design(cells=cells(p), measurements=measurements(p), analyses=analyses(p), figures=figures(p))
