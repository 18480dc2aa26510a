"""Task world_map: geometry questions about cities known by ids (Park 2026)."""

from offdiag.studies.world_map.task.domain import WorldMapDomain
from offdiag.studies.world_map.task.geometries import GEOMETRIES, NAMES, Geometry, Name
from offdiag.studies.world_map.task.sampling import CityBatch, available, draw, evaluation_rows
from offdiag.studies.world_map.task.stream import MapStream
from offdiag.studies.world_map.task.task import WorldMap, absolute_error
from offdiag.studies.world_map.task.text import Characters
from offdiag.studies.world_map.task.world import Cities, World

__all__ = [
    "GEOMETRIES",
    "NAMES",
    "Characters",
    "Cities",
    "CityBatch",
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
