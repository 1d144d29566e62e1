"""Checks that all that Keyturn needs is there and works, and suggests fixes."""

from keyturn.mail.port.finding import Finding
from keyturn.service.doctor.domain import Dns
from keyturn.service.doctor.examination import examine

__all__ = ["Dns", "Finding", "examine"]
