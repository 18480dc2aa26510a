"""Models: where weights come from, and one class to ask them.

``LM``, ``Completion`` and ``Score`` live in :mod:`offdiag.models.lm`, which imports torch; importing this package
does not.
"""

import logging

from offdiag.models.folders import content_hash
from offdiag.models.source import MODEL_SOURCES, ModelSource
from offdiag.models.spec import ModelSpec
from offdiag.models.wheels import wheel_version

# It tells of kernels that it does without, as soon as PEFT imports it, and of each product that it casts.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

__all__ = ["MODEL_SOURCES", "ModelSource", "ModelSpec", "content_hash", "wheel_version"]
