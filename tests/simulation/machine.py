"""The programs of a simulated machine: API servers and workers, built and warmed once before worlds are forked off.

A program that has never run costs a world nothing, and building one costs more than a whole world. So one is built for
each start that a world may need. Warming runs each of them through a short story, in which SQLAlchemy compiles its
statements and Jinja its templates.
"""

from collections.abc import Callable
from datetime import timedelta
from unittest import mock

import msgspec
from litestar.types import ASGIApp
from tests.simulation.template import FILE

from keyturn.mail.port.email import Sender
from keyturn.mail.providers.resend import ResendSettings
from keyturn.service.accounts.port import AccountStore
from keyturn.service.app import create_app
from keyturn.service.parts import Parts, lanes
from keyturn.service.reset.ground import FromApp
from keyturn.service.settings import (
    Brand,
    DatabaseSettings,
    HashingSettings,
    LimitSettings,
    MailSettings,
    Secret,
    Settings,
    TokenSettings,
    WorkerSettings,
)

FIRST, SECOND = "resend", "postmark"
"""The main provider and the fallback."""

REPORTS = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The secret under which the main provider signs its reports."""

LINK_LIFE = timedelta(minutes=3)
COOLDOWN = timedelta(seconds=60)
MAILS_A_DAY = 5
REQUESTS = 3
"""Requests that an IP address may make in a minute."""

API, WORKER = "api", "worker"


class Program(msgspec.Struct, kw_only=True):
    """A program that a simulated process runs. `app`: None for a worker."""

    kind: str
    parts: Parts
    app: ASGIApp | None = None


def settings() -> Settings:
    """Return the settings of all programs: the defaults, but with shorter times and the cheapest hash."""
    return Settings(
        environment="development",
        secret_key=Secret("0123456789abcdef" * 4),
        database=DatabaseSettings(url=Secret(f"sqlite:///{FILE}")),
        hashing=HashingSettings(cost=4, workers=2),
        mail=MailSettings(transport=FIRST, fallback=SECOND),
        brand=Brand(name="Northwind School", support_address="help@northwind.example"),
        token=TokenSettings(ttl=LINK_LIFE),
        worker=WorkerSettings(concurrency=4),
        limits=LimitSettings(
            request=f"{REQUESTS}/minute",
            mailbox_cooldown=COOLDOWN,
            mailbox_daily=MAILS_A_DAY,
            in_memory=True,
        ),
        resend=ResendSettings(webhook_secret=Secret(REPORTS)),
    )


def build_programs(
    apis: int, workers: int, sender_of: Callable[[str], Sender], accounts: AccountStore | None = None
) -> list[Program]:
    """Return programs that have not run. `sender_of`: returns the client of a provider.

    `accounts`: of another system, instead of those in Keyturn's own table.
    """
    wanted = settings()
    mock.patch.object(lanes, "sender_for", lambda name, *_: sender_of(name)).start()
    programs = []
    for number in range(apis + workers):
        parts = Parts(wanted, app=FromApp(accounts=accounts), sender=sender_of(FIRST))
        app = create_app(wanted, parts=parts, worker=False) if number < apis else None
        programs.append(Program(kind=API if app else WORKER, parts=parts, app=app))
    return programs
