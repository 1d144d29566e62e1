"""Checks that all that Keyturn needs is there and works, and suggests fixes.

Each check has a time limit, and an unexpected error in one does not hide the findings of the others.
"""

from keyturn.mail.port.finding import Finding
from keyturn.service.doctor.domain import Dns
from keyturn.service.doctor.examination import examine

__all__ = ["Dns", "Finding", "examine"]
