"""Results for a notebook: frames, the matrix as a square, pairs, samples, and bars while a study runs."""

from offdiag.notebook.results import LoadedResults

__all__ = ["LoadedResults"]
