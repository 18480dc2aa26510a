"""Models: where weights come from, and one class to ask them.

``LM``, ``Completion`` and ``Score`` live in :mod:`offdiag.models.lm`, which imports torch; importing this package
does not.
"""

from offdiag.models.folders import content_hash
from offdiag.models.source import MODEL_SOURCES, ModelSource
from offdiag.models.spec import ModelSpec
from offdiag.models.wheels import wheel_version

__all__ = ["MODEL_SOURCES", "ModelSource", "ModelSpec", "content_hash", "wheel_version"]
