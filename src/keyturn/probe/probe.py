"""The run of all attacks against a target."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing

from msgspec.structs import replace

from keyturn.probe.attack import ATTACKS, Attack, CannotProbe, Exchange, Finding, Outcome, Report, Verdict
from keyturn.probe.attacks import links, requests, tokens
from keyturn.probe.calls import Call, find_calls
from keyturn.probe.mailbox import Mailbox
from keyturn.probe.run import Account, Run
from keyturn.probe.target import CALLS, Patience, Target
from keyturn.probe.web import Browser, Page, Web
from keyturn.studio.inbox.store import CapturedMails

_SHOWN = ("content-type", "cache-control", "referrer-policy", "content-security-policy", "x-frame-options")
_LONGEST, _MOST_PAGES = 400, 4
"""Characters of a body, and exchanges of an outcome, in the report."""

_FUNCTIONS = vars(links) | vars(requests) | vars(tokens)


class Probe:
    """Plays attacks against a target whose mails come into the inbox.

    `target`: with the calls that were found. `passwords`: by now, by address; several if the last one is not certain.
    """

    def __init__(self, target: Target, inbox: CapturedMails, patience: Patience | None = None) -> None:
        self.target, self.inbox, self._patience = target, inbox, patience or Patience()
        self._accounts: list[Account] = []

    @property
    def passwords(self) -> dict[str, list[str]]:
        passwords = {one.address: [*filter(None, (one.password, *one.tried))] for one in self._accounts}
        return {address: several for address, several in passwords.items() if several}

    async def run(self, only: Sequence[str] = (), progress: Callable[[str], None] = lambda _: None) -> Report:
        """Return the report. Raises CannotProbe. If the task is cancelled, the other attacks are not tried.

        `progress` hears the name of each attack before it.
        """
        began, stopped = time.monotonic(), False
        chosen = [attack for attack in ATTACKS.values() if not only or attack.name in only]
        outcomes = {attack: Outcome(attack, Verdict.NOT_TRIED, "The run was stopped.") for attack in chosen}
        async with aclosing(Web(self.target.url, self._patience.call)) as web:
            self._accounts = _accounts_of(self.target)
            run = Run(web, Mailbox(self.inbox), self._patience, self._accounts)
            try:
                progress("searching for forms")
                await self._begin(run)
                for attack in chosen:
                    progress(attack.name)
                    outcomes[attack] = await _play(attack, run)
            except Finding as problem:
                raise CannotProbe(run.without_secrets(str(problem))) from None
            except asyncio.CancelledError:
                stopped = True
                if task := asyncio.current_task():
                    task.uncancel()
        return Report(self.target.url, tuple(outcomes.values()), time.monotonic() - began, stopped)

    async def _begin(self, run: Run) -> None:
        """Find the calls, and play the first story. Raises CannotProbe and a Finding."""
        if run.web.is_another_host:
            await run.web.require_permission(self.target.permission)
        if not (self.target.request and self.target.sign_in):
            paths = await find_calls(Browser(run.web), self.target.url)
            self.target = replace(self.target, **{name: getattr(self.target, name) or paths[name] for name in paths})
        if not self.target.request:
            raise CannotProbe(f"No link at {self.target.url} leads to a form for a forgotten password: give --request.")
        for name in CALLS:
            if text := getattr(self.target, name):
                run.calls[name] = Call.read("--" + name.replace("_", "-"), text)
        run.has_second_step = self.target.second_step
        await run.begin()


def _accounts_of(target: Target) -> list[Account]:
    addresses = {address.lower() for address in target.accounts if "@" in address}
    if not addresses or not all("@" in address for address in target.accounts):
        raise CannotProbe("Name one or two accounts for tests by their addresses: --account ann@app.example.")
    if len(target.accounts) > 2 or len(addresses) < len(target.accounts):
        raise CannotProbe("Name two different accounts for tests, and no more.")
    return [Account(address) for address in target.accounts]


async def _play(attack: Attack, run: Run) -> Outcome:
    try:
        finding = await _FUNCTIONS[attack.name.replace("-", "_")](run)
    except Finding as unfinished:
        finding = unfinished
    exchanges = tuple(_exchange(page, run) for page in finding.pages[:_MOST_PAGES])
    return Outcome(attack, finding.verdict, run.without_secrets(str(finding)), exchanges)


def _exchange(page: Page, run: Run) -> Exchange:
    """Return an answer and its request, with the names of cookies, a few headers, and the beginning of the text."""
    first, clean = page.all[0], run.without_secrets
    lines = [f"{answer.status} {answer.header('location')}".strip() for answer in page.all]
    lines += [f"{name}: {page.header(name)}" for name in _SHOWN if page.header(name)]
    lines += [f"set-cookie: {name}=…" for name in page.cookies]
    lines = [*map(clean, lines), clean(" ".join(page.words.split()))[:_LONGEST]]
    return Exchange(f"{clean(f'{first.method} {first.url}')}\n{clean(first.sent)[:_LONGEST]}", "\n".join(lines))
