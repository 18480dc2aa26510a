"""Geometry over cities known by ids: Park (2026, arXiv 2602.00533). Worlds, seven geometries, batches on the fly."""

from offdiag.studies.world_map.task.domain import WorldMapDomain
from offdiag.studies.world_map.task.evaluation import available, evaluation_rows
from offdiag.studies.world_map.task.geometries import GEOMETRIES, NAMES, Geometry, Name
from offdiag.studies.world_map.task.grading import absolute_error
from offdiag.studies.world_map.task.sampling import Batch, draw
from offdiag.studies.world_map.task.stream import MapStream
from offdiag.studies.world_map.task.task import WorldMap
from offdiag.studies.world_map.task.text import Characters
from offdiag.studies.world_map.task.world import Cities, World

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
