"""The real service: HTTP, the worker's relay, the functions of the commands, and what an app
writes.
"""

import asyncio
import re
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from tests.driver import reporting
from tests.driver.second_factors import BUILTIN
from tests.driver.service import (
    INVITE,
    LOGIN,
    VALIDATE,
    Service,
    hash_of,
    problem,
    running,
    settings_for,
)
from tests.worlds.state_machines.things import MOST_MAILS

from keyturn import Email, KeyturnError
from keyturn.testing import MovableClock

SERVICE_KEY = "0123456789abcdef" * 2

_UNLIMITED = dict.fromkeys(("request", "client", "login", "account", "overall"), "100000/second")

SETTINGS: Mapping[str, Any] = {
    "token": {"code": True},
    "secure_account": {"lock": True},
    "second_step": BUILTIN,
    "resend": reporting.WITH_WEBHOOK,
    "invitations": {"service_key": SERVICE_KEY},
    "limits": _UNLIMITED | {"mailbox_daily": MOST_MAILS, "in_memory": True},
}


class World:
    """One running service and its clock. Methods are synchronous, as Hypothesis' rules are."""

    def __init__(self, service: Service, clock: MovableClock, runner: asyncio.Runner) -> None:
        self.service, self.operator = service, service.operator
        self.run = runner.run
        self.let_time_pass = clock.move
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.unix(), UTC)

    # What anyone may ask over HTTP

    def post(self, path: str, **body: Any) -> httpx2.Response:
        return self.at_once(path, 1, **body)[0]

    def at_once(self, path: str, times: int, **body: Any) -> list[httpx2.Response]:
        """Send a request so many times at once; return the answers, sorted by their problems."""
        headers = {"Authorization": f"Bearer {SERVICE_KEY}"} if path == INVITE else {}

        async def send() -> list[httpx2.Response]:
            clients = [self.service.anywhere() for _ in range(times)]
            return await asyncio.gather(
                *(client.post(path, json=body, headers=headers) for client in clients)
            )

        return sorted(self.run(send()), key=problem)

    def check(self, token: str) -> tuple[str, str]:
        """Return why the link does not work, and the masked address of one that has expired; "" if
        it works.
        """
        answer = self.post(VALIDATE, token=token).json()
        return answer.get("reason", ""), answer.get("emailHint", "")

    def sign_in(self, email: str, password: str) -> tuple[httpx2.Response, httpx2.AsyncClient]:
        browser = self.service.anywhere()
        return self.run(browser.post(LOGIN, json={"email": email, "password": password})), browser

    # What the app does in its own database

    def add(self, email: str, password: str | None, provider: str) -> None:
        if password:
            self.run(self.service.add(email, password_hash=hash_of(password)))
        else:
            self.run(self.service.add(email, provider=provider, awaits_password=not provider))

    def change_account(self, of: str, /, **fields: Any) -> None:
        self.run(self.service.change_account(of, **fields))

    # What operators, the provider and the worker do

    def deliver(self) -> list[Email]:
        """Let the worker do all that waits; return the mails that left. A second passes.

        PostgreSQL's own clock goes on while this one stands, and a message may be due some
        microseconds after the statement that looks for it.
        """
        before = len(self.service.inbox.mails)
        self.run(self.service.deliver())
        self.let_time_pass(timedelta(seconds=1))
        self.run(self.service.deliver())
        return self.service.inbox.mails[before:]

    def attempt(self, command: Coroutine[Any, Any, Any]) -> Any:
        """Return what an operator's command returns, True for nothing, or False if it is
        refused.
        """
        try:
            found = self.run(command)
        except KeyturnError:
            return False
        return True if found is None else found

    def report(self, event: str, email: str, *, times: int = 1) -> None:
        """Let the provider report what happened to the newest mail to an address."""
        key = next(key for key, mail in reversed(self.service.inbox.tries) if mail.to == email)
        details = reporting.HARD if event == "bounced" else {}
        report = reporting.report(event, f"accepted-{key}", to=email, **details)
        self.run(reporting.deliver_all(self.service, *[report] * times))

    # What an operator can read

    def trail(self, emails: set[str]) -> list[tuple[str, str, str]]:
        entries = self.run(self.service.trail())
        return [
            (entry.event, entry.outcome, entry.email) for entry in entries if entry.email in emails
        ]


@contextmanager
def running_world(url: str) -> Iterator[World]:
    clock = MovableClock()
    with asyncio.Runner() as runner:
        service = running(settings_for(url, **SETTINGS), clock=clock)
        world = World(runner.run(service.__aenter__()), clock, runner)
        try:
            yield world
        finally:
            runner.run(service.__aexit__(None, None, None))


def tokens_in(mail: Email) -> dict[str, str]:
    """Return the tokens of a mail by the page that they lead to, and its code."""
    found = dict(re.findall(r"/(reset-password|secure-your-account)/([\w-]{43})", mail.text))
    code = re.search(r"^\d{8}$", mail.text, re.MULTILINE)
    return found | ({"code": code[0]} if code else {})
