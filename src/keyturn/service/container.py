"""The composition root: builds the objects of a process in the order in which they need each other.

A feature that is off is None.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from keyturn.mail.languages.language import Languages
from keyturn.mail.port.email import Sender
from keyturn.mail.rendering.render import Templates
from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.readiness import AccountsReadiness
from keyturn.service.database import Database
from keyturn.service.database.migrations import require_current
from keyturn.service.invitations.invitations import Invitations
from keyturn.service.outbox.queue import Outbox
from keyturn.service.problems.requests import WorkerDown
from keyturn.service.reset import sign_in, stores
from keyturn.service.reset.change import PasswordChanges
from keyturn.service.reset.change_effects import ChangeEffects
from keyturn.service.reset.check import LinkChecks
from keyturn.service.reset.complete import PasswordResets
from keyturn.service.reset.events import AppEvents
from keyturn.service.reset.link_lookup import LinkLookup
from keyturn.service.reset.mails import theme
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.passwords import breaches, policy
from keyturn.service.reset.passwords.breaches import Breaches
from keyturn.service.reset.passwords.hasher import PasswordHasher
from keyturn.service.reset.passwords.policy import PasswordPolicy
from keyturn.service.reset.ports import FurtherProof, NoFurtherProof
from keyturn.service.reset.proofs import challenge
from keyturn.service.reset.proofs.challenge import RequestChallenge
from keyturn.service.reset.proofs.codes import EmailCodes
from keyturn.service.reset.proofs.second_step import required_step
from keyturn.service.reset.proofs.second_step.required_step import RequiredStep
from keyturn.service.reset.records.audit import Audit
from keyturn.service.reset.records.lifetimes import LinkLifetimes
from keyturn.service.reset.records.mailboxes import Mailboxes
from keyturn.service.reset.records.retention import Retention
from keyturn.service.reset.request import ResetRequests, ReturnAddresses
from keyturn.service.reset.sign_in import SignIns
from keyturn.service.reset.stores import Stores
from keyturn.service.securing.securing import AccountSecuring
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import PageUrls, Paths, paths_of
from keyturn.service.telemetry.meters import Meters


class Container(AbstractAsyncContextManager["Container"]):
    """The objects of a process.

    `accounts`, `sender`, `fallback`: replace what the settings name. `meters`: by default its own.
    `reload_templates`: whether a changed template is read again.
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
        self.settings: Settings = settings
        self.reloads_templates: bool = reload_templates
        self.sender: Sender | None = sender
        self.fallback: Sender | None = fallback
        self.meters: Meters = meters or Meters()
        self.paths: Paths = paths_of(settings)
        self.urls: PageUrls = PageUrls(settings)
        self.themes: Themes = theme.build(settings, reload=reload_templates)
        self.languages: Languages = self.themes.languages
        self.templates: Templates = theme.builtin_templates(
            settings, self.themes.general, reload=reload_templates
        )

        self.stores: Stores = stores.build(settings, self.meters, accounts)
        self.accounts: AccountStore = self.stores.accounts
        self.keys: Sequence[str] = self.stores.keys
        self.database: Database = self.stores.database
        self.outbox: Outbox = self.stores.outbox
        self.audit: Audit = self.stores.audit
        self.mailboxes: Mailboxes = self.stores.mailboxes
        self.accounts_readiness: AccountsReadiness = AccountsReadiness(self.accounts)
        self.retention: Retention = Retention(self.database, settings.retention.audit)

        self.breaches: Breaches | None = breaches.build(settings, self.stores)
        self.policy: PasswordPolicy = policy.build(settings, self.themes, self.breaches)
        self.hasher: PasswordHasher = PasswordHasher(settings.hashing, self.meters)

        self.events: AppEvents = AppEvents(on=bool(settings.webhooks.url))
        self.challenge: RequestChallenge | None = challenge.build(settings, self.stores)
        self.lifetimes: LinkLifetimes = LinkLifetimes(requested=settings.token.ttl)
        self.codes: EmailCodes | None = None
        if settings.token.code:
            self.codes = EmailCodes(self.stores, self.lifetimes)
        self.second_step: RequiredStep | None = required_step.build(
            settings, self.stores, self.themes, self.events
        )
        self.further_proof: FurtherProof = self.second_step or NoFurtherProof()

        links = LinkLookup(self.stores)
        self.return_addresses: ReturnAddresses = ReturnAddresses(settings.return_origins)
        self.requests: ResetRequests = ResetRequests(
            self.stores, self.challenge, self.return_addresses
        )
        self.checks: LinkChecks = LinkChecks(
            links, self.stores, self.policy, self.further_proof, self.return_addresses
        )
        self.effects: ChangeEffects = ChangeEffects(self.events, self.codes)
        self.changes: PasswordChanges = PasswordChanges(
            self.stores, self.policy, self.hasher, self.effects
        )
        self.resets: PasswordResets = PasswordResets(
            links, self.stores, self.changes, self.further_proof
        )

        self.sign_ins: SignIns | None = sign_in.build(
            settings, self.stores, self.hasher, self.changes, self.further_proof
        )
        self.securing: AccountSecuring = AccountSecuring(settings, self.stores, self.effects)
        self.invitations: Invitations = Invitations(
            settings, self.stores, self.urls, self.lifetimes, self.codes
        )

        # Whether a worker that should run has ended, and no other works yet.
        self.worker_is_down: bool = False

    async def require_ready(self) -> None:
        """Raise Unavailable if a service that requests need does not answer, or if the worker of
        this process is down.
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
        """Close all resources; its worker is closed before.

        An app that is started again uses the same container, in another event loop.
        """
        await self.changes.close()
        if self.breaches:
            await self.breaches.close()
        if self.challenge:
            await self.challenge.close()
        if self.second_step:
            await self.second_step.close()
        self.outbox.wake()  # a new event for another event loop
        self.hasher.close()
        self.policy.close()
        await self.accounts_readiness.close()
        await self.accounts.close()
        await self.database.close()
