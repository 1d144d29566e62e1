"""Builds the parts of a process, and closes them."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from keyturn.accounts.choosing import accounts_for, locks_accounts
from keyturn.accounts.port import AccountStore, KnowsHashes
from keyturn.database import Database
from keyturn.database.migrations import require_current
from keyturn.mail.port.email import Sender
from keyturn.mail.port.provider import ProviderWebhook
from keyturn.mail.sending.choosing import provider_webhooks
from keyturn.outbox import Relay, RelayLimits
from keyturn.outbox.worker import WorkerLiveness
from keyturn.parts.accounts_readiness import AccountsReadiness
from keyturn.parts.lanes import lanes_of
from keyturn.reset.change import ChangeEffects
from keyturn.reset.check import LinkChecks, LiveLinks
from keyturn.reset.complete import BeforeChange, PasswordChanges, PasswordResets
from keyturn.reset.events import AppEvents
from keyturn.reset.inviting import Invitations, OperatorResets
from keyturn.reset.limits.rate_limits import RateLimits
from keyturn.reset.mails.builtin_emails import builtin_templates
from keyturn.reset.mails.page_urls import PageUrls
from keyturn.reset.mails.provider_events import ProviderEvents
from keyturn.reset.mails.theme import Theme, borrowed_logos, own_languages, palette_of, themes_of_kinds
from keyturn.reset.muting import MailboxMuting
from keyturn.reset.passwords.breaches import breaches_for
from keyturn.reset.passwords.hasher import PasswordHasher
from keyturn.reset.passwords.policy import PasswordPolicy
from keyturn.reset.proofs.choosing import request_challenge_for
from keyturn.reset.proofs.code_exchange import CodeExchange, MailedCodes
from keyturn.reset.proofs.second_step.choosing import required_second_step
from keyturn.reset.proofs.second_step.sms_codes import SmsText
from keyturn.reset.records import stores
from keyturn.reset.records.codes import CodeKeys
from keyturn.reset.records.messages import APP_EVENTS, CALLBACKS, origin_of
from keyturn.reset.records.retention import Retention
from keyturn.reset.records.stores import Transaction
from keyturn.reset.request import ResetRequests
from keyturn.reset.reset_hook import BeforeReset, reset_hook
from keyturn.reset.securing import AccountSecuring
from keyturn.reset.sign_in import AccountSessions, DeviceCookies, SignIns
from keyturn.settings import Settings, hosted_path, paths_of
from keyturn.telemetry.logs import LogEvent
from keyturn.telemetry.meters import Telemetry
from keyturn.telemetry.prometheus import PrometheusMeters
from keyturn.telemetry.tracing import Tracing, tracing_of_process
from keyturn.webhooks.events import Callback

log = logging.getLogger("keyturn")


class Parts:
    """The parts of a process. A sender is built only with a relay, so an API alone needs no provider.

    `database`, `accounts`: used instead of those that the settings name.
    `callbacks`: functions of the app that are told of events, by event.
    `before_reset`: a function of the app that is asked before a reset.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database | None = None,
        accounts: AccountStore | None = None,
        sender: Sender | None = None,
        tracing: Tracing | None = None,
        meters: PrometheusMeters | None = None,
        reload_templates: bool = False,
        callbacks: Mapping[str, Callback[Any]] | None = None,
        before_reset: BeforeReset | None = None,
    ) -> None:
        self.settings = settings
        self.reloads_templates = reload_templates
        self.meters = meters or PrometheusMeters()
        self.worker = WorkerLiveness()
        self.telemetry = Telemetry(self.meters, tracing or tracing_of_process())
        self.secrets = _secrets(settings)
        kept = settings.database
        self.database = database or Database(
            kept.url, pool_size=kept.pool_size, schema=kept.schema, timeout=kept.timeout
        )
        self.paths = paths_of(settings)
        self.languages = own_languages(settings, reload=reload_templates)
        self.theme = Theme.of(settings.brand, self.languages, settings.base_url)
        self.kinds = themes_of_kinds(settings, self.languages, reload=reload_templates)
        brands = list(dict.fromkeys((settings.brand, *(kind.brand for kind in self.kinds.values()))))
        for brand in brands:
            for warning in palette_of(brand)[1]:
                log.warning(LogEvent("brand.colour_adjusted", reason=warning))
        for warning in borrowed_logos(settings):
            log.warning(LogEvent("brand.logo_borrowed", reason=warning))
        self.templates = builtin_templates(settings, self.theme, reload=reload_templates)
        self.urls = PageUrls(
            base_url=settings.base_url,
            reset_url=settings.reset_url,
            forgot_url=settings.forgot_url,
            sign_in_url=settings.sign_in_page,
            secure_url=settings.secure_account.url,
            mute_url=settings.mute.url,
        )
        self.accounts = accounts or accounts_for(settings, self.database)
        self.accounts_readiness = AccountsReadiness(self.accounts)
        self.records = records = stores.build(settings, self.database)
        self.outbox, self.audit, self.sessions = records.outbox, records.audit, records.sessions
        self.links, self.secure_links, self.mailboxes = records.links, records.secure_links, records.mailboxes
        self.rate_limits = RateLimits(settings.limits)
        self.breaches = breaches_for(settings.breaches, self.meters)
        self.policy = PasswordPolicy(
            settings.password,
            *(brand.name for brand in brands),
            max_bytes=settings.hashing.max_bytes,
            hashes_known=isinstance(self.accounts, KnowsHashes),
            breaches=self.breaches,
        )
        self.hasher = PasswordHasher(settings.hashing, self.telemetry)
        self.callbacks = callbacks or {}
        self.events = AppEvents(self.outbox, {event: list(self._kinds_of(event)) for event in APP_EVENTS})
        self._build_story(reset_hook(settings.hooks, before_reset))
        self._build_rooms()
        self.sender = sender

    def _build_story(self, before_change: Sequence[BeforeChange]) -> None:
        """Build request, check and complete, and connect their plug-ins: an unused port is an empty tuple."""
        settings, records, meters = self.settings, self.records, self.meters
        keys = CodeKeys(self.secrets) if settings.token.code else None
        self.in_mail = (MailedCodes(records.codes, keys),) if keys else ()
        self.code_exchange = CodeExchange(records, self.accounts, keys, self.rate_limits, meters) if keys else None
        ends_access = tuple(mailed.end_access for mailed in self.in_mail)
        self.effects = ChangeEffects(records, ends_access, (self.events.password_changed,))
        self.changes = PasswordChanges(records, self.accounts, self.policy, self.hasher, self.effects)
        self.challenge = request_challenge_for(settings, self.secrets, self.database, self.rate_limits, meters)
        text = SmsText(self.theme, self.kinds)
        self.second_step = required_second_step(settings, self.secrets, text, records, self.events)
        second_steps = (self.second_step,) if self.second_step else ()
        before_request = (self.challenge.require,) if self.challenge else ()
        self.live_links = live = LiveLinks(records, self.accounts)
        self.requests = ResetRequests(self.outbox, self.rate_limits, before_request, meters)
        self.checks = LinkChecks(live, self.rate_limits, self.policy, second_steps, meters)
        self.resets = PasswordResets(live, self.changes, self.rate_limits, before_change, second_steps, meters)

    def _build_rooms(self) -> None:
        """Build the parts beside the reset itself."""
        settings, records, meters = self.settings, self.records, self.meters
        locks = locks_accounts(settings, self.accounts)
        self.securing = AccountSecuring(records, self.accounts, self.rate_limits, self.effects, meters, locks=locks)
        self.muting = MailboxMuting(records, self.accounts, self.rate_limits, meters)
        self.invitations = Invitations(
            self.outbox, self.rate_limits, meters, service_key=settings.invitations.service_key
        )
        self.operator_resets = OperatorResets(records, self.accounts)
        self.sign_ins = self._sign_ins()
        self.provider_events = ProviderEvents(records, self.accounts)
        self.retention = Retention(self.database, settings.retention, self.mailboxes, self.accounts, self.secure_links)

    @cached_property
    def provider_webhooks(self) -> Mapping[str, ProviderWebhook]:
        """The providers whose reports can be verified with the settings."""
        return provider_webhooks(self.settings)

    @cached_property
    def relay(self) -> Relay:
        """The relay that sends this process's outbox. Raises SettingsInvalid if it has no mail provider."""
        worker = self.settings.worker
        limits = RelayLimits(poll=worker.poll, lease=worker.lease, max_attempts=worker.max_attempts)
        return Relay(self.outbox, lanes_of(self, self.sender), limits, origin=origin_of, telemetry=self.telemetry)

    def work(self) -> Coroutine[Any, Any, None]:
        """Return the worker's coroutine, which sends mails and purges until cancelled. Raises SettingsInvalid."""
        return self._work(self.relay)

    async def _work(self, relay: Relay) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(relay.run())
            group.create_task(self.retention.run(self.settings.worker.housekeeping))

    def _kinds_of(self, event: str) -> Iterator[str]:
        """Yield the kinds of message by which the app is told of an event."""
        hooks = self.settings.webhooks
        if hooks.url and event in hooks.events:
            yield APP_EVENTS[event]
        if event in self.callbacks:
            yield CALLBACKS[event]

    def _sign_ins(self) -> SignIns | None:
        """Return the sign-in; None if users sign in elsewhere, or if the store's hashes cannot be read.

        For an app's own accounts it is a second way in, so it exists only if `sign_in_url` asks for it.
        """
        hosted = self.settings.accounts.store == "builtin" or hosted_path(self.settings.sign_in_url) is not None
        if not hosted or not isinstance(self.accounts, KnowsHashes):
            return None
        after_sign_in = (_unmute,) if self.settings.mute.url else ()
        sessions = AccountSessions(self.records, self.accounts, self.accounts, self.hasher, after_sign_in)
        devices = DeviceCookies(self.secrets)
        return SignIns(sessions, self.rate_limits, self.audit, self.changes, devices, self.meters)

    async def require_ready(self) -> None:
        """Raise Unavailable if a service that requests need does not answer, or if no worker would send the mails."""
        await require_current(self.database)
        await self.rate_limits.require_ready()
        await self.accounts_readiness.require()
        self.worker.require()

    async def close(self) -> None:
        """Close all resources. An app that is started again uses the parts again, in another event loop."""
        await self.changes.close()
        self.hasher.close()
        self.policy.close()
        if self.breaches:
            await self.breaches.close()
        if self.challenge:
            await self.challenge.close()
        if self.second_step:
            await self.second_step.close()
        if relay := vars(self).pop("relay", None):
            await relay.close()
        self.outbox.close()
        await self.rate_limits.close()
        await self.accounts_readiness.close()
        await self.accounts.close()
        await self.database.close()


def _unmute(tx: Transaction, email: str) -> None:
    tx.mailboxes.unmute(email)


def _secrets(settings: Settings) -> list[str]:
    """Return the keys, the newest first. If none is set, as in development, return one that ends with the process."""
    newest = settings.secret_key or secrets.token_hex(32)
    return [newest, *settings.previous_secret_keys]
