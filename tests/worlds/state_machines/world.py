"""The real service: HTTP, the worker's relay, the functions of the commands, and what an app writes."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from tests.driver import reporting
from tests.driver.second_factors import BUILTIN, code_of, enrol
from tests.driver.service import (
    CHANGE,
    INVITE,
    LOGIN,
    ME,
    REPLACE,
    REQUEST,
    RESET,
    SECURE,
    VALIDATE,
    VERIFY,
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

_FREE = "100000/second"
_UNLIMITED = dict.fromkeys(("request", "client", "login", "account", "overall"), _FREE)

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
        self.service = service
        self.run = runner.run
        self._clock = clock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.unix(), UTC)

    def let_day_begin(self) -> None:
        self.let_time_pass(timedelta(days=1) - timedelta(seconds=self.now().timestamp() % 86_400))

    def let_time_pass(self, by: timedelta) -> None:
        self._clock.move(by)

    # What anyone may ask over HTTP

    def post(self, path: str, **body: Any) -> httpx2.Response:
        return self.run(self.service.anywhere().post(path, json=body))

    def ask(self, email: str) -> httpx2.Response:
        return self.post(REQUEST, email=email)

    def invite(self, email: str) -> httpx2.Response:
        key = {"Authorization": f"Bearer {SERVICE_KEY}"}
        return self.run(self.service.anywhere().post(INVITE, json={"email": email}, headers=key))

    def check(self, token: str) -> tuple[str, str]:
        """Return why the link does not work, and the masked address of one that has expired; "" if it works."""
        answer = self.post(VALIDATE, token=token).json()
        return answer.get("reason", ""), answer.get("emailHint", "")

    def reset(self, token: str, password: str, code: str | None, *, times: int = 1) -> list[str]:
        """Set a password, several times at once if `times` says so; return the answers."""
        step = {} if code is None else {"secondStep": {"method": "totp", "code": code}}
        return self._at_once(RESET, times, {"token": token, "newPassword": password, **step})

    def exchange(self, email: str, digits: str, *, times: int = 1) -> tuple[list[str], str]:
        """Return the answers, and the token of one that has it."""

        async def send() -> list[httpx2.Response]:
            body = {"email": email, "code": digits}
            return await asyncio.gather(*(self.service.anywhere().post(VERIFY, json=body) for _ in range(times)))

        answers = self.run(send())
        tokens = [answer.json()["token"] for answer in answers if answer.is_success]
        return sorted(map(problem, answers)), tokens[0] if tokens else ""

    def press(self, token: str, *, times: int = 1) -> list[str]:
        return self._at_once(SECURE, times, {"token": token})

    def replace(self, token: str, *, times: int = 1) -> list[str]:
        return self._at_once(REPLACE, times, {"token": token})

    def _at_once(self, path: str, times: int, body: dict[str, Any]) -> list[str]:
        async def send() -> list[httpx2.Response]:
            return await asyncio.gather(*(self.service.anywhere().post(path, json=body) for _ in range(times)))

        return sorted(map(problem, self.run(send())))

    def sign_in(self, email: str, password: str) -> tuple[httpx2.Response, httpx2.AsyncClient]:
        browser = self.service.anywhere()
        return self.run(browser.post(LOGIN, json={"email": email, "password": password})), browser

    def is_signed_in(self, browser: httpx2.AsyncClient) -> bool:
        return bool(self.run(browser.get(ME)).status_code == 200)

    def change(self, browser: httpx2.AsyncClient, current: str, password: str) -> str:
        body = {"currentPassword": current, "newPassword": password}
        return problem(self.run(browser.post(CHANGE, json=body)))

    # What the app does in its own database

    def add(self, email: str, password: str | None, provider: str) -> None:
        if password:
            self.run(self.service.add(email, password_hash=hash_of(password)))
        else:
            self.run(self.service.add(email, provider=provider, awaits_password=not provider))

    def move(self, email: str, new: str) -> None:
        self.run(self.service.change_account(email, email=new))

    def enable(self, email: str, *, active: bool) -> None:
        self.run(self.service.change_account(email, active=active))

    def enrol(self, email: str) -> None:
        self.run(enrol(self.service, email))

    def totp(self) -> tuple[int, str]:
        """Return the number of the present step, and what an authenticator app shows."""
        return int(self.now().timestamp()) // 30, code_of()

    def wrong_totp(self) -> str:
        return code_of(later=-timedelta(days=1))

    # What operators, the provider and the worker do

    def deliver(self) -> list[Email]:
        """Let the worker do all that waits; return the mails that left. A second passes.

        PostgreSQL's own clock goes on while this one stands, and a message may be due some microseconds after the
        statement that looks for it.
        """
        before = len(self.service.inbox.mails)
        self.run(self.service.deliver())
        self.let_time_pass(timedelta(seconds=1))
        self.run(self.service.deliver())
        return self.service.inbox.mails[before:]

    def has_mailed(self, email: str) -> bool:
        return bool(self.service.inbox.sent_to(email))

    def reset_by_operator(self, email: str) -> None:
        self.run(self.service.operator.reset_unseen(email))

    def unlock(self, email: str) -> bool:
        try:
            self.run(self.service.operator.unlock(email))
        except KeyturnError:
            return False
        return True

    def print_link(self, email: str) -> str:
        """Return the token of a link that an operator gives out, or "" if there is none."""
        try:
            link = self.run(self.service.operator.print_link(email, "lost the mailbox"))
        except KeyturnError:
            return ""
        return str(link.rpartition("/")[2])

    def release(self, email: str) -> None:
        self.run(self.service.operator.release_mailbox(email))

    def report(self, event: str, email: str, *, times: int = 1) -> None:
        """Let the provider report what happened to the newest mail to an address."""
        key = next(key for key, mail in reversed(self.service.inbox.tries) if mail.to == email)
        details = reporting.HARD if event == "bounced" else {}
        report = reporting.report(event, f"accepted-{key}", to=email, **details)
        self.run(reporting.deliver_all(self.service, *[report] * times))

    def purge(self) -> None:
        self.run(self.service.purge())

    # What an operator can read

    def trail(self, emails: set[str]) -> list[tuple[str, str, str]]:
        entries = self.run(self.service.trail())
        return [(entry.event, entry.outcome, entry.email) for entry in entries if entry.email in emails]

    def waiting(self) -> int:
        return [message.state for message in self.run(self.service.messages())].count("waiting")


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
