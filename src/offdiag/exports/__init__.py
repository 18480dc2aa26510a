"""Exports: results of a study as files that other programs, or other studies, read."""

from offdiag.exports.export import Exported, StudyExport
from offdiag.exports.hardness_tables import HardnessTables
from offdiag.exports.states_file import StatesFile

__all__ = ["Exported", "HardnessTables", "StatesFile", "StudyExport"]
