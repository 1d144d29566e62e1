"""Checks that all that Keyturn needs is there and works, and suggests fixes."""

from keyturn.mail.port.check_result import CheckResult
from keyturn.service.doctor.domain import Dns
from keyturn.service.doctor.examination import examine
from keyturn.service.doctor.trial_email import send_to

__all__ = ["CheckResult", "Dns", "examine", "send_to"]
