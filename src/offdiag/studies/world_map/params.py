"""Parameters of the world map studies, and the small scales that they share."""

from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from offdiag.errors import UserError, did_you_mean
from offdiag.parameters import check_lists
from offdiag.studies.world_map.task import NAMES, World
from offdiag.study import StudyParams
from offdiag.training import Decoder, PretrainingRecipe

Width: TypeAlias = Literal["narrow", "base", "wide", "wider"]
EPOCHS: dict[Width, int] = {"narrow": 12, "base": 6, "wide": 3, "wider": 3}  # of the original's pre-trainings
FACTORS: dict[Width, float] = {"narrow": 0.5, "base": 1, "wide": 2, "wider": 4}
SIZES = {"singles": 1, "pairs": 2, "triples": 3}  # geometries of each fine-tuning
PAPER_PAIRS = (
    "distance+crossing", "distance+perimeter", "distance+compass",
    "angle+compass", "trianglearea+compass", "inside+crossing",
)  # fmt: skip


class MapParams(StudyParams):
    """Parameters of a world map study; the defaults are the published sizes.

    Attributes:
        world: the cities.
        groups: groups of new cities, which fine-tuning is about; each makes a world and models of its own.
        decoder: the base width; the other widths keep its layers and the size of a head.
        widths: of the models, by the published names.
        taught: geometries of each pre-training, one model per set (names joined by ``+``, or ``all``).
        alone: geometries on each of which one more model is pre-trained, to compare alignment (CKA) with transfer.
        pretraining: recipe of the base width. flop_matched: other widths take as many operations, not updates.
        published_epochs: other widths take updates in the proportion of the original's epochs: narrow 12, base 6, wide
            and wider 3.
        upper_bound: pre-train one more model of each width, group and seed on all cities, new ones among them.
        tuning: recipe of a fine-tuning on one geometry; one on two geometries takes twice as many updates.
        singles, pairs, triples: geometries that fine-tuning on new cities takes, one model each.
        rows: fine-tuning rows with a new city, per geometry. replay: rows with ordinary cities only, per geometry.
        elicitation: rows of each of the seven geometries. elicitation_cities: whether these have a new city.
        step_matched: train every pair and triple once more, with as many rows and updates as a single geometry.
        seeds: of all random draws in a training. n_eval: rows per evaluation; a small world may have fewer.
        data_seeds: ``varied``: each seed has fine-tuning rows of its own; ``fixed``: all seeds have the same ones, in
            orders of their own. Pre-training draws its rows anew under each seed.
        snapshots: number of log-spaced updates of the pre-training at which tasks and representations are evaluated.
        layers: whose hidden states are read, counted from the embeddings (0); figures show the last but one.
    """

    world: World = World()
    groups: tuple[str, ...] = ("clustered",)
    decoder: Decoder = Decoder(architecture="qwen2", width=128, depth=6, heads=4, expansion=4, initial_std=0.1)
    widths: tuple[Width, ...] = ("base",)
    taught: tuple[str, ...] = ("all",)
    alone: tuple[str, ...] = ()
    pretraining: PretrainingRecipe = PretrainingRecipe(
        updates=328_128, batch_size=128, learning_rate=3e-4, schedule="linear", warmup_updates=50, beta2=0.999
    )
    flop_matched: bool = False
    published_epochs: bool = False
    upper_bound: bool = False
    tuning: PretrainingRecipe = PretrainingRecipe(
        updates=28_560, batch_size=128, learning_rate=1e-5, schedule="linear", warmup_updates=50, beta2=0.999
    )
    singles: tuple[str, ...] = NAMES
    pairs: tuple[str, ...] = PAPER_PAIRS
    triples: tuple[str, ...] = ()
    rows: int = Field(default=100_000, ge=1)
    replay: int = Field(default=20_000, ge=0)
    elicitation: int = Field(default=256, ge=0)
    elicitation_cities: Literal["atlantis", "real"] = "atlantis"
    step_matched: bool = True
    seeds: tuple[int, ...] = (0, 1, 2, 3)
    data_seeds: Literal["varied", "fixed"] = "varied"
    n_eval: int = Field(default=10_000, ge=1)
    snapshots: int = Field(default=0, ge=0)
    layers: tuple[int, ...] = (3, 4, 5, 6)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_lists(self)
        if unknown := [name for name in self.alone if name not in NAMES]:
            raise UserError(f"alone={unknown[0]}: {did_you_mean(unknown[0], NAMES)}expected some of {', '.join(NAMES)}")
        for name, size in SIZES.items():
            for taught in getattr(self, name):
                if taught == "all" or len(taught.split("+")) != size:
                    raise UserError(
                        f"{name}={taught}: expected {size} name{'s' if size > 1 else ''} each, such as "
                        f"{'+'.join(NAMES[:size])}"
                    )
        if self.flop_matched and self.published_epochs:
            raise ValueError("flop_matched and published_epochs are two lengths of one pre-training: set one of them")
        if self.upper_bound and "all" not in self.taught:
            raise ValueError(f"upper_bound=true needs a model of taught=all, found {self.taught}")
        depth, layers = self.decoder.depth, self.layers
        if len(layers) < 2 or list(layers) != sorted({*layers} & {*range(depth + 1)}):
            raise ValueError(f"layers={layers}: expected two or more increasing numbers from 0 to depth={depth}")
        return self


def changed(params: MapParams, **changes: object) -> MapParams:
    """Return a validated copy with other values."""
    return type(params)(**{**dict(params), **changes})


# Two-digit ids and whole degrees: small enough to be learnt in minutes on two cores.
SMALL = MapParams(
    world=World(count=40, sample="random", per_degree=1, id_digits=2, new_count=8, eval_share=0.2),
    decoder=Decoder(architecture="qwen2", width=64, depth=3, heads=4, expansion=4, initial_std=0.1),
    pretraining=PretrainingRecipe(updates=4500, batch_size=128, learning_rate=3e-3),
    tuning=PretrainingRecipe(updates=200, batch_size=128, learning_rate=7e-4, schedule="linear", warmup_updates=10),
    rows=4000, replay=800, elicitation=16, seeds=(0, 1, 2), n_eval=200, snapshots=8, layers=(1, 2, 3),
)  # fmt: skip
TINY = changed(
    SMALL,
    world=World(count=20, sample="random", per_degree=1, id_digits=2, new_count=5, eval_share=0.25),
    pretraining=PretrainingRecipe(updates=1500, batch_size=96, learning_rate=4e-3),
    tuning=PretrainingRecipe(updates=120, batch_size=96, learning_rate=1e-3, schedule="linear", warmup_updates=5),
    pairs=("distance+compass", "angle+compass"), step_matched=False,
    rows=1500, replay=300, seeds=(0,), n_eval=100, snapshots=5, layers=(1, 2, 3),
)  # fmt: skip
