"""Names of models, as part of identities: where weights come from; nothing here loads anything."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.source import ModelSource, source_of
from offdiag.models.usual_dtype import Dtype as Dtype
from offdiag.models.usual_dtype import usual_dtype
from offdiag.runtime import TOKEN_BUDGET, Runtime

Quantization: TypeAlias = Literal["none", "nf4", "int8"]


class ModelSpec(Identity):
    """A model by the name of its source.

    Attributes:
        source: ``hub:org/name`` or ``hub:org/name@revision``, ``dir:path``, or ``wheel:distribution``; a bare
            ``org/name`` means the hub. ``scratch:name`` is what a study trains from nothing, ``api:NAME@URL`` answers
            over a network (:mod:`offdiag.models.server.source`). Packages add sources of their own, see
            :class:`offdiag.models.source.ModelSource`.
        dtype: number format of the weights and of the arithmetic; part of the identity, since it changes answers. Where
            it is not given: float32, or bfloat16 for a model of more than 2^31 (2.1 billion) weights, see
            :func:`offdiag.models.usual_dtype.usual_dtype`.
        quantization: ``"nf4"`` loads linear layers in 4 bits, ``"int8"`` in 8 (bitsandbytes; slow without CUDA).
        token_budget: most padded tokens in one batch of a model in 16 bits or int8. There a batch's rounding moves
            answers, so what fills the batches is part of the identity; in float32 it is not, and the runtime says it.
        chat: settings of its chat template, for all that it is asked and taught; an evaluation or a method that has
            settings of its own has those.
    """

    tag: ClassVar[str] = "model"
    added: ClassVar[frozenset[str]] = frozenset({"token_budget", "chat"})
    source: str
    dtype: Dtype = "float32"
    quantization: Quantization = "none"
    token_budget: int = Field(default=TOKEN_BUDGET, ge=1)
    chat: ChatSettings = AS_THE_TEMPLATE

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        given = {"source": value} if isinstance(value, str) else value
        if isinstance(given, Mapping) and "dtype" not in given and isinstance(given.get("source"), str):
            usual = usual_dtype(source_of(_full(given["source"])))
            return given if usual == "float32" else {**given, "dtype": usual}
        return given

    @field_validator("source")
    @classmethod
    def _with_scheme(cls, source: str) -> str:
        full = _full(source)
        source_of(full)  # it refuses what is no name of a model
        return full

    @model_validator(mode="after")
    def _budget_is_of_16_bits(self) -> Self:
        if not self.rounds_coarsely and self.token_budget != TOKEN_BUDGET:
            raise UserError(
                f"model {self.source}: token_budget={self.token_budget} is for bfloat16, float16 and int8, whose "
                "answers move with it; for float32 type --token-budget after offdiag run"
            )
        return self

    @model_validator(mode="after")
    def _is_computed_here(self) -> Self:
        if self.origin.served and (self.dtype != "float32" or self.quantization != "none"):
            raise UserError(f"model {self.source}: its server decides dtype and quantization; leave both out")
        return self

    @model_validator(mode="after")
    def _has_a_template(self) -> Self:
        if self.origin.from_scratch and self.chat != AS_THE_TEMPLATE:
            raise UserError(
                f"model {self.source} learns from nothing and has no chat template: leave thinking and chat out"
            )
        return self

    def held_as(self, dtype: Dtype, quantization: Quantization) -> Self:
        """Return the same files loaded in other numbers, with the usual token budget where batches move no answer."""
        loaded = self.model_copy(update={"dtype": dtype, "quantization": quantization, "token_budget": TOKEN_BUDGET})
        return loaded.model_copy(update={"token_budget": self.token_budget}) if loaded.rounds_coarsely else loaded

    def batch_budget(self, runtime: Runtime) -> int:
        """Return the most padded tokens of a batch: the model's own if it rounds coarsely, else the runtime's."""
        return self.token_budget if self.rounds_coarsely else runtime.token_budget

    @property
    def rounds_coarsely(self) -> bool:
        """Whether rounding moves single answers with the batch: in 16 bits, and where int8 rounds what layers read."""
        return self.dtype != "float32" or self.quantization == "int8"

    @property
    def holds_alone(self) -> bool:
        """Whether, beyond rounding, what it computes of a text depends on that text alone, whatever is beside it."""
        return self.dtype == "float32" and self.quantization == "none"

    @property
    def numbers(self) -> str:
        """The number format in words, such as ``bfloat16`` or ``nf4, bfloat16``."""
        return self.dtype if self.quantization == "none" else f"{self.quantization}, {self.dtype}"

    @property
    def origin(self) -> ModelSource:
        """The source that the name means: it knows how to load the model and what stands for it in a fingerprint."""
        return source_of(self.source)

    @property
    def scheme(self) -> str:
        """The part before the colon, such as ``hub``, ``dir``, ``wheel`` or ``scratch``."""
        return self.source.partition(":")[0]

    @property
    def location(self) -> str:
        """The source without its scheme and revision."""
        return self.origin.location

    @property
    def revision(self) -> str | None:
        """The revision after ``@``, for hub models."""
        return self.origin.revision

    @property
    def short_name(self) -> str:
        """The last part of the location and the settings of the chat template, for people and folder names."""
        return ".".join(filter(None, [self.origin.short_name, self.chat.label]))


def _full(source: str) -> str:
    return source if ":" in source else f"hub:{source}"
