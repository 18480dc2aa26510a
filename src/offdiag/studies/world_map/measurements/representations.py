"""Hidden states of all cities of a world, saved so that the model runs once only."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from offdiag.durable import move
from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.steps import CostLine, CostProbe, Step, Weights, Work
from offdiag.studies.world_map.task import GEOMETRIES, Name, World
from offdiag.studies.world_map.task.text import TEXT_VERSION, names
from offdiag.tasks import Scalar

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TokenPosition = Literal["digit", "delimiter"]
FILE = "states.safetensors"


class Representations(Step):
    """Hidden states (activations) of all cities of a world, each at the beginning of a question about it.

    Of ``dist(c_0865,`` and what the tokenizer puts before a text, the states of the last digit of the id and of the
    delimiter after it are concatenated. Ids are padded as in training. Each position is read as the last token of a
    text of its own, so that no token has to be counted; in a causal model its state is the same in a longer text.

    Attributes:
        weights: of the model. world: whose cities; ordinary ones first, then new ones, as in ``world.build()``.
        geometry: whose question the text begins; one that the model was trained on.
        layers: 0 for the embeddings, i for the output of block i; the last one is after the final norm.
        places: positions of the tokens, see above.
    """

    kind: ClassVar[str] = "representations"
    weights: Weights
    world: World
    geometry: Name = "distance"
    layers: tuple[int, ...] = Field(min_length=1)
    places: tuple[TokenPosition, ...] = Field(default=("digit", "delimiter"), min_length=1)

    @field_validator("world")
    @classmethod
    def _world_alone(cls, world: World) -> World:
        return world.world

    @property
    def name(self) -> str:
        return f"{self.weights.label}--cities.{self.world.label}.{self.geometry}"

    @property
    def group(self) -> str:
        return self.weights.group

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), "prompt_version": TEXT_VERSION}

    def cost(self, probe: CostProbe) -> CostLine:
        """Count one text per city and position; the texts of all cities are of one length, since ids are padded."""
        (city,) = names(np.zeros(1, np.int64), self.world.id_digits)
        texts = [_beginning(city, self.geometry, place) for place in self.places]
        return probe.read(self, self.weights, self.world.n_cities * len(texts) * probe.tokens(texts))

    def run(self, work: Work) -> dict[str, Json]:
        """Write one array per layer, float32 ``[cities, positions x width]``.

        Raises:
            UserError: the model lacks a layer, or its tokenizer does not know the characters of the texts.
        """
        from safetensors.numpy import save_file

        started = time.monotonic()
        model = work.model(self.weights)
        texts = [text for place in self.places for text in city_prompts(self.world, self.geometry, place)]
        _check_tokens(model.tokenizer, texts, self.weights.label)
        states = model.hidden_states(texts, self.layers, ["last"], chat=False, on_progress=work.progress)
        cities = len(texts) // len(self.places)
        by_position = states[:, 0].reshape(len(self.places), cities, len(self.layers), -1)
        features = by_position.transpose(2, 1, 0, 3).reshape(len(self.layers), cities, -1)
        part = work.folder / f"{FILE}.part"  # renamed when it is whole, so that a killed run leaves no broken file
        save_file({str(layer): f for layer, f in zip(self.layers, features, strict=True)}, part)
        move(part, work.folder / FILE)
        summary: dict[str, Json] = {"cities": cities, "features": features.shape[-1]}
        return {**summary, "seconds": round(time.monotonic() - started, 3)}


class LabelledStates(Identity):
    """Saved hidden states with the factors of their model, which become columns of each table made from them.

    Attributes:
        representations: the step that saves the states.
        factors: (column, value) pairs, such as those of the model's arm. They tell models apart and are not part of
            the representations' identity, so that two arms can share one computation.
    """

    tag: ClassVar[str] = "encoded"
    representations: Representations
    factors: tuple[tuple[str, Scalar], ...] = ()

    @classmethod
    def of(
        cls,
        weights: Weights,
        world: World,
        layers: Sequence[int],
        *,
        geometry: Name = "distance",
        factors: Mapping[str, Scalar] | None = None,
    ) -> "LabelledStates":
        """Return the states of the cities of ``world`` in ``weights``, labelled with ``factors``."""
        states = Representations(weights=weights, world=world, layers=tuple(layers), geometry=geometry)
        return cls(representations=states, factors=tuple((factors or {}).items()))


def city_prompts(world: World, geometry: Name, position: TokenPosition) -> list[str]:
    """Return ``dist(c_0865`` (``digit``) or ``dist(c_0865,`` (``delimiter``) per city of the world, in its order."""
    return [_beginning(name, geometry, position) for name in names(world.build().id, world.id_digits)]


def _beginning(city: str, geometry: Name, position: TokenPosition) -> str:
    """Return the beginning of a question about a city, up to the token at ``position``."""
    asked = GEOMETRIES[geometry]
    question = asked.written([city] * min(asked.sizes))
    end = question.index(city) + len(city)
    return question[: end if position == "digit" else end + 1]


def load_representations(folder: Path, layer: int) -> NDArray[np.float32]:
    """Return the states of one layer ``[cities, features]`` that :class:`Representations` wrote to its folder.

    Raises:
        UserError: the layer was not kept.
    """
    from safetensors import safe_open

    with safe_open(folder / FILE, framework="np") as file:
        if str(layer) not in file.keys():  # noqa: SIM118  (a file of safetensors is no mapping)
            kept = ", ".join(sorted(file.keys(), key=int))
            raise UserError(f"layer {layer} of {folder.name}: only layers {kept} were kept")
        states: NDArray[np.float32] = file.get_tensor(str(layer))
    return states


def _check_tokens(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], label: str) -> None:
    """Raise a UserError unless each text's last token, where states are read, is its last character."""
    from offdiag.models.chat import plain_ids

    for text in texts:
        ids = plain_ids(tokenizer, text)
        last = str(tokenizer.decode([ids[-1]]))
        if tokenizer.unk_token_id in ids or not last.endswith(text[-1]):
            raise UserError(
                f"{label}: its tokenizer reads the end of {text!r} as {last!r} or does not know a character of it; "
                "expected a tokenizer that was made for ids of cities"
            )
