"""The run of all attacks against a target."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from msgspec.structs import replace

from keyturn.mail.rendering.html_tree import parse_html
from keyturn.probe.attack import ATTACKS, Attack, CannotProbe, Exchange, NotTried, Outcome, Report, Undecided, Verdict
from keyturn.probe.attacks import attack_named
from keyturn.probe.calls import Call, find_calls
from keyturn.probe.mailbox import Mailbox
from keyturn.probe.permission import PER_SECOND, needs_permission, require_permission
from keyturn.probe.run import Account, Run
from keyturn.probe.target import CALLS, Patience, Target
from keyturn.probe.web import Browser, Page, Web
from keyturn.studio.inbox.store import CapturedMails

__all__ = ["Patience", "Probe", "Target"]

_SHOWN = ("content-type", "cache-control", "referrer-policy", "content-security-policy", "x-frame-options")
_LONGEST, _MOST_PAGES = 400, 4
"""Characters of a body, and exchanges of an outcome, in the report."""

Progress = Callable[[str], None]
T = TypeVar("T")


class Probe:
    """Plays attacks against a target whose mails come into the inbox.

    `target`: with the calls that were found. `passwords`: by now, by address; several if the last one is not certain.
    """

    def __init__(self, target: Target, inbox: CapturedMails, patience: Patience | None = None) -> None:
        self.target = target
        self._patience = patience or Patience()
        self.inbox = inbox
        self._run: Run | None = None

    @property
    def passwords(self) -> dict[str, list[str]]:
        accounts = self._run.accounts if self._run else ()
        return {one.address: found for one in accounts if (found := [*filter(None, (one.password, *one.tried))])}

    async def run(self, only: Sequence[str] = (), progress: Progress = lambda _: None) -> Report:
        """Return the report. Raises CannotProbe. If the task is cancelled, the other attacks are not tried.

        `progress` hears the name of each attack before it.
        """
        began, outcomes = time.monotonic(), list[Outcome]()
        limit = PER_SECOND if needs_permission(self.target.url) else None
        async with aclosing(Web(self.target.url, self._patience.call, limit)) as web:
            try:
                run = await _unless_cancelled(self._begin(web, progress))
            except NotTried as problem:
                raise CannotProbe(self._without_secrets(str(problem))) from None
            for attack in (attack for attack in ATTACKS.values() if not only or attack.name in only):
                outcome = await _unless_cancelled(self._play(attack, run, progress)) if run else None
                run = run if outcome else None
                outcomes.append(outcome or Outcome(attack, Verdict.NOT_TRIED, "The run was stopped."))
        return Report(self.target.url, tuple(outcomes), time.monotonic() - began, stopped=run is None)

    async def _begin(self, web: Web, progress: Progress) -> Run:
        """Find the calls, and play the first story. Raises CannotProbe and NotTried."""
        progress("searching for forms")
        if web.is_paced:  # another host
            await require_permission(web, self.target.permission)
        if not self.target.accounts or not all("@" in address for address in self.target.accounts):
            raise CannotProbe("Name one or two accounts for tests by their addresses: --account ann@app.example.")
        addresses = [address.lower() for address in self.target.accounts]
        if len(addresses) > 2 or len(set(addresses)) < len(addresses):
            raise CannotProbe("Name two different accounts for tests, and no more.")
        if not (self.target.request and self.target.sign_in):
            found = await find_calls(Browser(web), self.target.url)
            new = {name: path for name, path in found.items() if not getattr(self.target, name)}
            self.target = replace(self.target, **new)
        if not self.target.request:
            raise CannotProbe(f"No link at {self.target.url} leads to a form for a forgotten password: give --request.")
        texts = {name: getattr(self.target, name) for name in CALLS}
        calls = {name: Call.read("--" + name.replace("_", "-"), text) for name, text in texts.items() if text}
        accounts = [Account(address) for address in self.target.accounts]
        self._run = run = Run(web, Mailbox(self.inbox), self._patience, calls, accounts, self.target.second_step)
        await run.begin()
        return run

    async def _play(self, attack: Attack, run: Run, progress: Progress) -> Outcome:
        progress(attack.name)
        try:
            finding = await attack_named(attack.name)(run)
        except Undecided as undecided:
            return Outcome(attack, undecided.verdict, self._without_secrets(str(undecided)))
        exchanges = tuple(map(self._exchange, finding.pages[:_MOST_PAGES]))
        return Outcome(attack, finding.verdict, self._without_secrets(finding.why), exchanges)

    def _exchange(self, page: Page) -> Exchange:
        """Return an answer and its request, with the names of cookies, a few headers, and the beginning of the text."""
        first = page.all[0]
        lines = [f"{answer.status} {answer.header('location')}".strip() for answer in page.all]
        lines += [f"{name}: {page.header(name)}" for name in _SHOWN if page.header(name)]
        lines += [f"set-cookie: {name}=…" for name in page.cookies]
        body = parse_html(page.body).text() if page.is_html else page.body
        lines = [*map(self._without_secrets, lines), self._without_secrets(body)[:_LONGEST]]
        request = self._without_secrets(f"{first.method} {first.url}")
        return Exchange(f"{request}\n{self._without_secrets(first.sent)[:_LONGEST]}", "\n".join(lines))

    def _without_secrets(self, text: str) -> str:
        return self._run.without_secrets(text) if self._run else text


async def _unless_cancelled(step: Awaitable[T]) -> T | None:
    """Return what a step returns, or None if the task is cancelled in it: the report is still to be written."""
    try:
        return await step
    except asyncio.CancelledError:
        if task := asyncio.current_task():
            task.uncancel()
        return None
