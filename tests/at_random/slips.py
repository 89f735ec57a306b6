"""Faults that people make, put into a recipe that is right, at any place where they apply.

Each is called like the mistake that it is a case of, and knows the code that must be found.  `also`
are what follows from the same fault and may be said beside it.
"""

from . import slips_of_data, slips_of_stages  # noqa: F401  # each puts its own into SLIPS
from .slip import SLIPS, Slip

__all__ = ["SLIPS", "Slip"]
