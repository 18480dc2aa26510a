"""Doctor: does this machine, this store and this model do what offdiag relies on?"""

from offdiag.doctor.examine import doctor
from offdiag.doctor.machine import Finding

__all__ = ["Finding", "doctor"]
