"""The programs of a simulated machine: API servers and workers, built and warmed once before worlds are forked off.

A program that has never run costs a world nothing, and building one costs more than a whole world. So one is built for
each start that a world may need. Each runs through a short story once (`warming.py`), in which SQLAlchemy compiles its
statements and Jinja its templates.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.driver.journal import FILE

FIRST, SECOND = "resend", "postmark"
"""The main provider and the fallback."""

REPORTS = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The secret under which the main provider signs its reports."""

LINK_LIFE = timedelta(minutes=3)
COOLDOWN = timedelta(seconds=60)
MAILS_A_DAY = 5
REQUESTS = 3
"""Requests that an IP address may make at once, and in each minute."""

API, WORKER = "api", "worker"

SETTINGS: Mapping[str, Any] = {
    "secret_key": "0123456789abcdef" * 4,
    "database": {"url": f"sqlite:///{FILE}"},
    "hashing": {"workers": 2},
    "mail": {"transport": FIRST, "fallback": SECOND},
    "brand": {"name": "Northwind School", "support_address": "help@northwind.example"},
    "token": {"ttl": LINK_LIFE},
    "limits": {
        "request": f"{REQUESTS}/minute",
        "mailbox_cooldown": COOLDOWN,
        "mailbox_daily": MAILS_A_DAY,
        "in_memory": True,
    },
    "resend": {"webhook_secret": REPORTS},
}
"""The settings of all programs: the defaults, but with shorter times and the cheapest hash."""
