"""Geometry over cities known by ids: Park (2026, arXiv 2602.00533). Worlds, seven geometries, batches on the fly."""

from offdiag.tasks.world_map.domain import WorldMapDomain
from offdiag.tasks.world_map.evaluation import available, evaluation_rows
from offdiag.tasks.world_map.geometries import GEOMETRIES, NAMES, Geometry, Name
from offdiag.tasks.world_map.grading import absolute_error
from offdiag.tasks.world_map.sampling import Batch, draw
from offdiag.tasks.world_map.stream import MapStream
from offdiag.tasks.world_map.task import WorldMap
from offdiag.tasks.world_map.text import Characters
from offdiag.tasks.world_map.world import Cities, World

__all__ = [
    "GEOMETRIES",
    "NAMES",
    "Batch",
    "Characters",
    "Cities",
    "Geometry",
    "MapStream",
    "Name",
    "World",
    "WorldMap",
    "WorldMapDomain",
    "absolute_error",
    "available",
    "draw",
    "evaluation_rows",
]
