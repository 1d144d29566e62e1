"""The parts of a process, built in the order in which they need each other.

A feature that is off is None.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import Any

from keyturn.mail.port.email import Sender
from keyturn.service.accounts.port import AccountsReadiness, AccountStore
from keyturn.service.database.migrations import require_current
from keyturn.service.invitations.invitations import Invitations
from keyturn.service.outbox.worker import Worker
from keyturn.service.problems.requests import WorkerDown
from keyturn.service.reset import sign_in, stores
from keyturn.service.reset.change import ChangeEffects
from keyturn.service.reset.check import LinkChecks, LiveLinks
from keyturn.service.reset.complete import PasswordChanges, PasswordResets
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.mails import theme
from keyturn.service.reset.passwords import breaches, hasher, policy
from keyturn.service.reset.ports import SecondProof
from keyturn.service.reset.proofs import challenge, codes
from keyturn.service.reset.proofs.second_step import required_step
from keyturn.service.reset.records.retention import Retention
from keyturn.service.reset.request import ResetRequests, ReturnAddresses
from keyturn.service.securing.securing import AccountSecuring
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import PageUrls, paths_of
from keyturn.service.telemetry.meters import Meters
from keyturn.service.webhooks import sender as webhooks
from keyturn.service.worker_queues import worker_of


class Container(AbstractAsyncContextManager["Container"]):
    """The parts of a process, with a sender only if it has a worker.

    The arguments replace what the settings name.
    """

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
        self.settings = settings
        self.reloads_templates = reload_templates
        self.sender = sender
        self.fallback = fallback
        self.meters = meters or Meters()
        self.paths = paths_of(settings)
        self.urls = PageUrls(settings)
        self.themes = theme.build(settings, reload=reload_templates)
        self.languages = self.themes.languages
        self.templates = theme.builtin_templates(
            settings, self.themes.general, reload=reload_templates
        )
        self.stores = shared = stores.build(settings, self.themes, self.meters, accounts)
        self.accounts = shared.accounts
        self.keys = shared.keys
        self.database = shared.database
        self.outbox = shared.outbox
        self.audit = shared.audit
        self.mailboxes = shared.mailboxes
        self.accounts_readiness = AccountsReadiness(self.accounts)
        self.worker_is_down = False  # one that should run has ended, and no other works yet
        self.breaches = breaches.build(settings, shared)
        self.policy = policy.build(settings, shared, self.breaches.holds if self.breaches else None)
        self.hasher = hasher.PasswordHasher(settings.hashing, self.meters)
        self.webhooks = webhooks.build(settings, shared)
        self.events = AppEvents(on=self.webhooks is not None)
        self.codes = codes.build(settings, shared)
        self.effects = ChangeEffects(self.events, self.codes)
        self.changes = PasswordChanges(shared, self.policy, self.hasher, self.effects)
        self.challenge = challenge.build(settings, shared)
        self.second_step = required_step.build(settings, shared, self.events)
        step: SecondProof = self.second_step or SecondProof()
        live = LiveLinks(shared)
        self.return_addresses = ReturnAddresses(settings.return_origins)
        require_answer = self.challenge.require if self.challenge else None
        self.requests = ResetRequests(shared, require_answer, self.return_addresses)
        self.checks = LinkChecks(live, shared, self.policy, step, self.return_addresses)
        self.resets = PasswordResets(live, shared, self.changes, step)
        self.securing = AccountSecuring(settings, shared, self.effects, step)
        self.invitations = Invitations(settings, shared, self.urls, self.codes)
        self.sign_ins = sign_in.build(settings, shared, self.hasher, self.changes, step)
        self.retention = Retention(self.database, settings.retention.audit)

    @cached_property
    def worker(self) -> Worker:
        """The worker that sends this process's outbox.

        Raises SettingsInvalid if it has no mail provider.
        """
        return worker_of(self)

    def work(self) -> Coroutine[Any, Any, None]:
        """Return the worker's coroutine, which sends mails and purges until cancelled.

        Raises SettingsInvalid.
        """
        return self._work(self.worker)

    async def _work(self, worker: Worker) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(worker.run())
            group.create_task(self.retention.run())

    async def require_ready(self) -> None:
        """Raise Unavailable if a service that requests need does not answer, or if no worker would
        send the mails.
        """
        await require_current(self.database)
        await self.database.require_writable()
        await self.stores.limits.require_ready()
        await self.accounts_readiness.require()
        if self.worker_is_down:
            raise WorkerDown("the worker has stopped")

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all resources.

        An app that is started again uses the container again, in another event loop.
        """
        worker = vars(self).pop("worker", None)
        for part in (
            self.changes.external,
            self.breaches,
            self.challenge,
            self.second_step,
            worker,
        ):
            if part:
                await part.close()
        self.outbox.wake()  # a new event for another event loop
        for local in self.hasher, self.policy:
            local.close()
        for part in (self.accounts_readiness, self.accounts, self.database):
            await part.close()
