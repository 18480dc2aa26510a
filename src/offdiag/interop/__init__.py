"""Results that other programs made, read into the frames of this one, and ours written for others."""

from offdiag.interop.foreign import RESULT_FORMATS, ForeignRun, ResultFormat, is_foreign, results_at

__all__ = ["RESULT_FORMATS", "ForeignRun", "ResultFormat", "is_foreign", "results_at"]
