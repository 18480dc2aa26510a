"""Published numbers of the original models; the sources are in docs/studies/world-map.md."""

from collections.abc import Collection, Sequence
from importlib.resources import files

from offdiag.published import Published, read_published
from offdiag.studies.world_map.params import MapParams, Width
from offdiag.studies.world_map.task import NAMES

RECORDED = read_published(files("offdiag.studies.world_map") / "published.csv")
PER_DEGREE = 10  # units of the original's plane
IN_UNITS = ("distance", "trianglearea", "perimeter")  # geometries whose errors are lengths or areas


def published(p: MapParams, widths: Sequence[Width], pairs: Collection[str]) -> tuple[Published, ...]:
    """Return the published numbers of some widths, trained on single geometries or on one of these pairs.

    Lengths and areas are compared only where a unit of the world is 0.1 degrees, as in the original.
    """
    trainings = {*NAMES, *pairs}
    numbers = [_of_width(number) for number in RECORDED]
    chosen = [number for number in numbers if number.where["model"] in widths]
    if p.world.per_degree != PER_DEGREE:
        chosen = [number.model_copy(update={"table": None}) if _in_units(number) else number for number in chosen]
    return tuple(n for n in chosen if n.table != "improvement" or n.where["trained"] in trainings)


def _of_width(number: Published) -> Published:
    """Return the number with its width as a factor: the first word of the model that a source measured."""
    return number.model_copy(update={"where": {"model": number.model.partition(" ")[0], **number.where}})


def _in_units(number: Published) -> bool:
    return number.table == "probes" or number.where.get("geometry") in IN_UNITS
