"""The parts of a process: each room builds itself, and the ports between rooms are connected here."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import Any

from keyturn.errors import KeyturnError, SettingsInvalid
from keyturn.mail.port.email import Sender
from keyturn.service.accounts.port import AccountsReadiness, AccountStore
from keyturn.service.database.migrations import require_current
from keyturn.service.lanes import worker_of
from keyturn.service.outbox.worker import Worker
from keyturn.service.problems.requests import WorkerDown
from keyturn.service.reset import ground, sign_in
from keyturn.service.reset.change import ChangeEffects
from keyturn.service.reset.check import LinkChecks, LiveLinks
from keyturn.service.reset.complete import PasswordChanges, PasswordResets
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.ground import Ground, SecondProof
from keyturn.service.reset.mails import theme
from keyturn.service.reset.passwords import hasher, policy
from keyturn.service.reset.records.retention import Retention
from keyturn.service.reset.request import ResetRequests, ReturnAddresses
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import PageUrls, paths_of
from keyturn.service.settings.rules import value_of
from keyturn.service.telemetry.meters import Meters


class TakenOut:
    """A room that this copy lacks. It is falsy, and any use raises KeyturnError."""

    def __init__(self, name: str) -> None:
        self._missing = f"this copy of Keyturn has no {name}"

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, _: str) -> Any:
        raise KeyturnError(self._missing)


class Parts(AbstractAsyncContextManager["Parts"]):
    """The parts of a process, with a sender only if it has a worker. The arguments replace what the settings name."""

    def __init__(
        self,
        settings: Settings,
        *,
        accounts: AccountStore | None = None,
        sender: Sender | None = None,
        fallback: Sender | None = None,
        meters: Meters | None = None,
        reload_templates: bool = False,
    ) -> None:
        self.settings, self.reloads_templates = settings, reload_templates
        self.sender, self.fallback = sender, fallback
        self.meters = meters or Meters()
        self.paths, self.urls = paths_of(settings), PageUrls(settings)
        self.themes = theme.build(settings, reload=reload_templates)
        self.languages = self.themes.languages
        self.templates = theme.builtin_templates(settings, self.themes.general, reload=reload_templates)
        self.ground = shared = ground.build(settings, self.themes, self.meters, accounts)
        self.accounts, self.secrets = shared.accounts, shared.secrets
        self.database, self.outbox, self.audit = shared.database, shared.outbox, shared.audit
        self.mailboxes = shared.mailboxes
        self.accounts_readiness = AccountsReadiness(self.accounts)
        self.worker_is_down = False  # one that should run has ended, and no other works yet
        self.breaches = self._room("breaches", "password.breaches")
        self.policy = policy.build(settings, shared, self.breaches and self.breaches.holds)
        self.hasher = hasher.PasswordHasher(settings.hashing, self.meters)
        self.webhooks = self._room("webhooks", "webhooks.url")
        self.events = AppEvents(on=bool(self.webhooks))
        self.codes = self._room("codes", "token.code")
        self.effects = ChangeEffects(self.events, self.codes)
        self.changes = PasswordChanges(shared, self.policy, self.hasher, self.effects)
        self._build_rooms(settings, shared)

    def _room(self, name: str, switches: str, *ports: Any) -> Any:
        """Return a room's part; None if off, TakenOut if not here. Raises SettingsInvalid if `switches` want it."""
        from keyturn.service.rooms import ROOMS  # which know the parts

        if name in ROOMS:
            return ROOMS[name].build(self.settings, self.ground, *ports)
        for switch in switches.split():
            if value_of(self.settings, switch) not in ("", value_of(Settings(), switch)):
                raise SettingsInvalid.of(switch, f"is set, but this copy of Keyturn has no {name}")
        return TakenOut(name)

    def _build_rooms(self, settings: Settings, shared: Ground) -> None:
        """Connect the rooms around request, check and complete; one that is off is None."""
        self.challenge = self._room("challenge", "challenge.method")
        self.second_step = self._room("second_step", "second_step.source", self.events)
        step: SecondProof = self.second_step or SecondProof()
        live = LiveLinks(shared)
        self.return_addresses = ReturnAddresses(settings.return_origins)
        self.requests = ResetRequests(shared, self.challenge and self.challenge.require, self.return_addresses)
        self.checks = LinkChecks(live, shared, self.policy, step, self.return_addresses)
        self.resets = PasswordResets(live, shared, self.changes, step)
        self.securing = self._room("securing", "secure_account.lock secure_account.url", self.effects, step)
        self.operators = self._room("operators", "invitations.service_key invitations.link_key", self.urls, self.codes)
        self.sign_ins = sign_in.build(settings, shared, self.hasher, self.changes, step)
        self.retention = Retention(self.database, settings.retention.audit)

    @cached_property
    def worker(self) -> Worker:
        """The worker that sends this process's outbox. Raises SettingsInvalid if it has no mail provider."""
        return worker_of(self)

    def work(self) -> Coroutine[Any, Any, None]:
        """Return the worker's coroutine, which sends mails and purges until cancelled. Raises SettingsInvalid."""
        return self._work(self.worker)

    async def _work(self, worker: Worker) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            group.create_task(self.retention.run())

    async def require_ready(self) -> None:
        """Raise Unavailable if a service that requests need does not answer, or if no worker would send the mails."""
        await require_current(self.database)
        await self.database.require_writable()
        await self.ground.limits.require_ready()
        await self.accounts_readiness.require()
        if self.worker_is_down:
            raise WorkerDown("the worker has stopped")

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all resources. An app that is started again uses the parts again, in another event loop."""
        worker = vars(self).pop("worker", None)
        for part in (self.changes.external, self.breaches, self.challenge, self.second_step, worker):
            if part:
                await part.close()
        self.outbox.wake()  # a new event for another event loop
        for local in self.hasher, self.policy:
            local.close()
        for part in (self.accounts_readiness, self.accounts, self.database):
            await part.close()
