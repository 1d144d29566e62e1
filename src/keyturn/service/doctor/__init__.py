"""Checks an installation, and suggests fixes: `keyturn doctor`."""

from keyturn.mail.port.check_result import CheckResult
from keyturn.service.doctor.examination import examine
from keyturn.service.doctor.nameserver import Dns
from keyturn.service.doctor.trial_email import send_to

__all__ = ["CheckResult", "Dns", "examine", "send_to"]
