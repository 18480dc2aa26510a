"""Models: where weights come from, and one class to ask them.

``LM``, ``Completion`` and ``Score`` live in :mod:`offdiag.models.lm`, which imports torch; importing this package
does not.
"""

from offdiag.models.spec import ModelSpec
from offdiag.models.wheels import wheel_version

__all__ = ["ModelSpec", "wheel_version"]
