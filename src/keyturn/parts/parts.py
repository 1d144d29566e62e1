"""What a process is made of."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterator, Mapping
from functools import cached_property
from typing import Any

from keyturn.accounts.choosing import accounts_for, locks_accounts
from keyturn.accounts.port import AccountStore, KnowsHashes
from keyturn.accounts.sessions import Sessions
from keyturn.database import Database
from keyturn.database.migrations import require_current
from keyturn.mail.port.email import Sender
from keyturn.mail.port.reports import ProviderWebhook
from keyturn.mail.sending.choosing import provider_webhooks
from keyturn.outbox import Outbox, Relay, RelayLimits
from keyturn.outbox.worker import WorkerLiveness
from keyturn.parts.accounts_readiness import AccountsReadiness
from keyturn.parts.lanes import lanes_of
from keyturn.reset.change import ChangeEffects
from keyturn.reset.check import LiveLinks
from keyturn.reset.complete import PasswordChanges
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
from keyturn.reset.proofs.code_exchange import CodeExchange
from keyturn.reset.proofs.second_step.choosing import required_second_step
from keyturn.reset.proofs.second_step.sms_codes import SmsText
from keyturn.reset.records.audit import Audit
from keyturn.reset.records.codes import CodeKeys, CodeStore
from keyturn.reset.records.link_store import LinkStore
from keyturn.reset.records.mailboxes import Mailboxes
from keyturn.reset.records.messages import (
    APP_EVENTS,
    CALLBACKS,
    origin_of,
)
from keyturn.reset.records.retention import Retention
from keyturn.reset.records.secure_links import SecureLinkStore
from keyturn.reset.request import PasswordResets
from keyturn.reset.reset_hook import BeforeReset, reset_hook
from keyturn.reset.securing import AccountSecuring
from keyturn.reset.sign_in import AccountSessions, DeviceCookies, SignIns
from keyturn.settings import Settings, hosted_path, paths_of
from keyturn.telemetry.logs import LogEvent
from keyturn.telemetry.prometheus import PrometheusMeters
from keyturn.telemetry.telemetry import Telemetry
from keyturn.telemetry.tracing import Tracing, tracing_of_process
from keyturn.webhooks.events import Callback

log = logging.getLogger("keyturn")


class Parts:
    """What a process is made of. A sender is built only with a relay, so an API alone needs no provider.

    `database` and `accounts` are to be used instead of those that the settings name. `callbacks` are functions of
    the app's that are told, by event, `before_reset` is one that is asked.
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
        self.outbox = Outbox(self.database)
        self.audit = Audit(self.database)
        self.accounts = accounts or accounts_for(settings, self.database)
        self.accounts_readiness = AccountsReadiness(self.accounts)
        self.sessions = Sessions(self.database, settings.session.ttl)
        self.links = LinkStore(self.database, lifetime=settings.token.ttl, live=settings.token.live_per_account)
        self.secure_links = SecureLinkStore(self.database, lifetime=settings.secure_account.ttl)
        self.mailboxes = Mailboxes(
            self.database,
            cooldown=settings.limits.mailbox_cooldown,
            daily=settings.limits.mailbox_daily,
            suppression=settings.limits.suppression,
            mute=settings.mute.period,
        )
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
        self.codes = CodeStore(self.database)
        self.code_keys = CodeKeys(self.secrets) if settings.token.code else None
        self.effects = ChangeEffects(
            self.sessions,
            self.links,
            self.secure_links,
            self.outbox,
            self.audit,
            self.events,
            self.codes if self.code_keys else None,
        )
        self.changes = PasswordChanges(
            self.database, self.accounts, self.outbox, self.policy, self.hasher, self.effects
        )
        self.challenge = request_challenge_for(settings, self.secrets, self.database, self.rate_limits, self.meters)
        self.second_step = required_second_step(
            settings,
            self.secrets,
            SmsText(self.theme, self.kinds),
            self.database,
            self.links,
            self.outbox,
            self.audit,
            self.events,
        )
        self.live_links = LiveLinks(self.database, self.links, self.accounts, self.audit)
        self.resets = PasswordResets(
            self.live_links,
            self.outbox,
            self.rate_limits,
            self.changes,
            self.policy,
            self.meters,
            self.challenge,
            reset_hook(settings.hooks, before_reset),
            self.second_step,
        )
        self.code_exchange = (
            None
            if not self.code_keys
            else CodeExchange(
                self.database,
                self.accounts,
                self.codes,
                self.code_keys,
                self.links,
                self.rate_limits,
                self.audit,
                self.meters,
            )
        )
        self.securing = AccountSecuring(
            self.database,
            self.accounts,
            self.secure_links,
            self.rate_limits,
            self.outbox,
            self.effects,
            self.audit,
            locks=locks_accounts(settings, self.accounts),
            meters=self.meters,
        )
        self.muting = MailboxMuting(
            self.database,
            self.accounts,
            self.links,
            self.codes,
            self.mailboxes,
            self.rate_limits,
            self.audit,
            self.meters,
        )
        self.invitations = Invitations(
            self.outbox, self.rate_limits, service_key=settings.invitations.service_key, meters=self.meters
        )
        self.operator_resets = OperatorResets(
            self.database, self.accounts, self.mailboxes, self.outbox, self.audit, self.secure_links
        )
        self.devices = DeviceCookies(self.secrets)
        self.sign_ins = self._sign_ins()
        self.provider_events = ProviderEvents(self.database, self.outbox, self.accounts, self.mailboxes, self.audit)
        self.retention = Retention(self.database, settings.retention, self.mailboxes, self.accounts, self.secure_links)
        self.sender = sender

    @cached_property
    def provider_webhooks(self) -> Mapping[str, ProviderWebhook]:
        """The providers whose reports the settings can verify."""
        return provider_webhooks(self.settings)

    @cached_property
    def relay(self) -> Relay:
        """What works this process's outbox off. Raises SettingsInvalid where it has no mail provider."""
        worker = self.settings.worker
        limits = RelayLimits(poll=worker.poll, lease=worker.lease, max_attempts=worker.max_attempts)
        return Relay(self.outbox, lanes_of(self, self.sender), limits, origin=origin_of, telemetry=self.telemetry)

    def work(self) -> Coroutine[Any, Any, None]:
        """Return what sends the mails and purges until cancelled. Raises SettingsInvalid where it cannot."""
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
        """Return what signs people in; None where they sign in elsewhere, or nobody here can tell how.

        To an app's own accounts that is a second way in, so it is there only where `sign_in_url` asks for it.
        """
        hosted = self.settings.accounts.store == "builtin" or hosted_path(self.settings.sign_in_url) is not None
        if not hosted or not isinstance(self.accounts, KnowsHashes):
            return None
        mailboxes = self.mailboxes if self.settings.mute.url else None
        sessions = AccountSessions(self.database, self.accounts, self.accounts, self.sessions, self.hasher, mailboxes)
        return SignIns(sessions, self.rate_limits, self.audit, self.changes, self.devices, self.meters)

    async def require_ready(self) -> None:
        """Raise Unavailable where what a request needs does not answer, or nobody would send what it promises."""
        await require_current(self.database)
        await self.rate_limits.require_ready()
        await self.accounts_readiness.require()
        self.worker.require()

    async def close(self) -> None:
        """Close what was opened. An app that is started again uses the parts again, in another event loop."""
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


def _secrets(settings: Settings) -> list[str]:
    """Return the keys, the newest first. In development, where none is set, one that dies with the process."""
    newest = settings.secret_key or secrets.token_hex(32)
    return [newest, *settings.previous_secret_keys]
