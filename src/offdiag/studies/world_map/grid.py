"""Grid of the world map studies: models to train, their evaluations and measurements."""

from collections.abc import Iterator
from functools import cache
from itertools import combinations, product

from offdiag.errors import UserError
from offdiag.methods import MixtureTuning, PreTraining
from offdiag.models import ModelSpec
from offdiag.steps import Measurement
from offdiag.studies.world_map.measurements.alignment import CityAlignment
from offdiag.studies.world_map.measurements.coordinate_map import CityMap
from offdiag.studies.world_map.measurements.coordinate_probe import CityProbe
from offdiag.studies.world_map.measurements.representations import LabelledStates
from offdiag.studies.world_map.params import EPOCHS, FACTORS, MapParams, Width
from offdiag.studies.world_map.task import NAMES, World, WorldMapDomain, available
from offdiag.study import Arm, Cell, Evaluation
from offdiag.tasks import StreamPart
from offdiag.training import Decoder, PretrainingRecipe
from offdiag.training.snapshots import log_spaced

LONGEST_ANSWER = 8  # seven digits and the end
ENOUGH_CITIES = 500  # from here on no evaluation runs out of rows


def starts(p: MapParams) -> list[Arm]:
    """Return the pre-trained models: every width, group of new cities, set of geometries and seed."""
    chosen = product(p.widths, p.groups, p.taught, p.seeds)
    return [pretrained(p, width, group, taught, seed) for width, group, taught, seed in chosen]


def bounds(p: MapParams) -> list[Arm]:
    """Return the models that met the new cities in pre-training: what fine-tuning could reach at best."""
    chosen = product(p.widths, p.groups, p.seeds) if p.upper_bound else ()
    found = [pretrained(p, width, group, "all", seed, cities="mixed") for width, group, seed in chosen]
    return [arm.model_copy(update={"method": _without_snapshots(arm)}) for arm in found]


def pretrained(p: MapParams, width: Width, group: str, taught: str, seed: int, cities: str = "real") -> Arm:
    """Return a model of one width, pre-trained on questions about the ordinary cities of a world, or about all."""
    world = p.world.model_copy(update={"new": group})
    return Arm(
        model=ModelSpec(source=f"scratch:{width}"),
        method=PreTraining(decoder=decoder(p, width), recipe=_pretraining(p, width)),
        train=domain(world, taught, cities),
        seed=seed,
    )


def fine_tuned(p: MapParams, start: Arm) -> list[Arm]:
    """Return all models that are fine-tuned from one pre-trained model."""
    several = (*p.pairs, *p.triples)
    matched = [tuned(p, start, taught, step_matched=True) for taught in several if p.step_matched]
    return [*(tuned(p, start, taught) for taught in (*p.singles, *several)), *matched]


def tuned(p: MapParams, start: Arm, taught: str, *, step_matched: bool = False) -> Arm:
    """Return a model fine-tuned on new cities with questions of some geometries only."""
    world = world_of(start)
    target = domain(world, taught, "atlantis")
    share = len(target.geometries) if step_matched else 1
    also = {
        "replay": (domain(world, taught, "real"), p.replay // share),
        "elicitation": (domain(world, "all", p.elicitation_cities), p.elicitation),
    }
    method = MixtureTuning(
        rows=p.rows // share,
        data_seed=None if p.data_seeds == "varied" else 0,
        also=tuple(StreamPart(name=name, domain=asked, rows=rows) for name, (asked, rows) in also.items() if rows),
        recipe=p.tuning.model_copy(update={"updates": p.tuning.updates * len(target.geometries) // share}),
    )
    return Arm(model=start.model, method=method, train=target, seed=start.seed, init_from=start)


def transfer_cells(p: MapParams) -> tuple[Cell, ...]:
    """Return fifteen evaluations per model: each geometry with and without new cities, and all of them mixed."""
    return tuple(
        Cell(arm=arm, evaluation=asked)
        for start in (*starts(p), *bounds(p))
        for asked_of_all in [evaluations(p, world_of(start))]
        for arm in (start, *(fine_tuned(p, start) if _taught(start).cities == "real" else ()))
        for asked in asked_of_all
    )


def snapshot_cells(p: MapParams) -> tuple[Cell, ...]:
    """Return the cells of all snapshots: the geometries that each was trained on, with ordinary cities."""
    return tuple(
        Cell(arm=arm, evaluation=asked)
        for start in starts(p)
        for arm in snapshots(start)
        for asked in _trained(p, start)
    )


def pretrained_cells(p: MapParams) -> tuple[Cell, ...]:
    """Return the cells of all pre-trained models on the geometries that they were trained on."""
    return tuple(Cell(arm=start, evaluation=asked) for start in starts(p) for asked in _trained(p, start))


def probes(p: MapParams) -> tuple[Measurement, ...]:
    """Return linear probes of all pre-trained models, their snapshots and fine-tuned models."""
    arms = [arm for start in starts(p) for arm in (*snapshots(start), start, *fine_tuned(p, start))]
    arms += bounds(p)
    return tuple(CityProbe(states=city_states(p, arm)) for arm in arms)


def maps(p: MapParams) -> tuple[Measurement, ...]:
    """Return decoded maps of the pre-trained models of the first seed, with their snapshots.

    At the last layer but one, where the published pictures were taken.
    """
    first = (start for start in starts(p) if start.seed == p.seeds[0])
    arms = (arm for start in first for arm in (*snapshots(start), start))
    return tuple(CityMap(states=city_states(p, arm), layer=p.layers[-2]) for arm in arms)


def alignments(p: MapParams) -> tuple[Measurement, ...]:
    """Return the alignment (CKA) of all pairs of pre-trained models of one width."""
    by_width = [[city_states(p, arm) for arm in starts(p) if arm.model.short_name == width] for width in p.widths]
    return tuple(CityAlignment(first=a, second=b) for same in by_width for a, b in combinations(same, 2))


def city_states(p: MapParams, arm: Arm) -> LabelledStates:
    """Return the cities' states in a model, read in a question of its first trained geometry."""
    taught = _taught(arm)
    asked = taught.geometries[0]
    return LabelledStates.of(arm.predictor().weights, taught.world, p.layers, geometry=asked, factors=arm.factors())


def snapshots(start: Arm) -> Iterator[Arm]:
    """Yield the model at each of its snapshots."""
    trained = start.predictor().weights.trained
    for update in trained.snapshots if trained else ():
        yield start.model_copy(update={"checkpoint": update})


def evaluations(p: MapParams, world: World) -> tuple[Evaluation, ...]:
    """Return the evaluations of a world: each geometry on ordinary cities, each with a new city, and all mixed."""
    single = [domain(world, name, cities) for cities in ("real", "atlantis") for name in NAMES]
    return tuple(_asked(p, one) for one in (*single, domain(world, "all", "real")))


def world_of(arm: Arm) -> World:
    """Return the world that an arm is trained in."""
    return _taught(arm).world


@cache
def domain(world: World, geometry: str, cities: str) -> WorldMapDomain:
    """Return the domain of some geometries on some cities of a world."""
    return WorldMapDomain(**world.model_dump(), geometry=geometry, cities=cities)


def decoder(p: MapParams, width: Width) -> Decoder:
    """Return the decoder of a width: more heads or fewer, of the same size.

    Raises:
        UserError: that would take half a head.
    """
    factor, heads = FACTORS[width], p.decoder.heads
    if heads * factor % 1:
        raise UserError(f"width {width} of a decoder with heads={heads}: expected heads that can be halved")
    return p.decoder.model_copy(update={"width": int(p.decoder.width * factor), "heads": int(heads * factor)})


def _trained(p: MapParams, start: Arm) -> tuple[Evaluation, ...]:
    """Return the evaluations of the geometries that a model was trained on, with ordinary cities."""
    return tuple(_asked(p, domain(world_of(start), name, "real")) for name in _taught(start).geometries)


def _taught(arm: Arm) -> WorldMapDomain:
    assert isinstance(arm.train, WorldMapDomain)
    return arm.train


def _pretraining(p: MapParams, width: Width) -> PretrainingRecipe:
    updates = p.pretraining.updates
    if p.flop_matched:
        updates = decoder(p, width).updates_as_costly_as(p.decoder, updates)
    if p.published_epochs:
        updates = max(1, updates * EPOCHS[width] // EPOCHS["base"])
    kept = log_spaced(updates, p.snapshots) if p.snapshots else ()
    return p.pretraining.model_copy(update={"updates": updates, "snapshots": kept})


def _without_snapshots(arm: Arm) -> PreTraining:
    assert isinstance(arm.method, PreTraining)
    return arm.method.model_copy(update={"recipe": arm.method.recipe.model_copy(update={"snapshots": ()})})


def _asked(p: MapParams, asked: WorldMapDomain) -> Evaluation:
    n = p.n_eval if asked.n_cities >= ENOUGH_CITIES else available(asked, "eval", p.n_eval)
    return Evaluation(domain=asked, n=n, max_new_tokens=LONGEST_ANSWER)
