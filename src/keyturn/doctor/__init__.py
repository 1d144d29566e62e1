"""Checks that all that Keyturn needs is there and works, and suggests fixes.

Each check has a time limit, and an unexpected error in one does not hide the findings of the others.
"""

from keyturn.doctor.domain import Dns
from keyturn.doctor.examination import examine
from keyturn.finding import Finding

__all__ = ["Dns", "Finding", "examine"]
