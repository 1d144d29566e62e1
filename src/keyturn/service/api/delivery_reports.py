"""Mail providers' reports: the routes that take them, and what a report changes.

A report is authenticated by its proof alone, such as a signature.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from litestar import post
from litestar.handlers import HTTPRouteHandler

from keyturn.mail.port.reports import DeliveryReport, ReportRefused, ReportUnproven, Webhook
from keyturn.mail.providers import PROVIDERS
from keyturn.service import identifiers
from keyturn.service.api.requests import AnyRequest, client_of
from keyturn.service.api.schemas import Done
from keyturn.service.client import Client
from keyturn.service.clock import now
from keyturn.service.outbox.history import Event, message_behind, note_report
from keyturn.service.outbox.message import Sent
from keyturn.service.problems.requests import Busy, Unavailable, WebhookRefused
from keyturn.service.reset.records.audit import MAIL_REPORT
from keyturn.service.reset.stores import Stores, Transaction
from keyturn.service.settings import Settings
from keyturn.service.settings.paths import FixedRoute
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute

log = logging.getLogger("keyturn.webhook")

_MOST_BYTES = 16 * 1_048_576
"""Bytes of all bodies that arrive at the same time: their memory, before any proof is checked."""

_MOST_BYTES_OF_CLIENT = _MOST_BYTES // 4
"""Bytes of one client's bodies, so that one client cannot shut providers out."""


class ProviderReports:
    """Takes providers' reports. A mailbox that bounced permanently or complained is suppressed."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._settings = settings
        self._stores = stores
        self._bodies = _BodyBudget()
        self._refusals = OnceAMinute()

    def handlers(self) -> Sequence[HTTPRouteHandler]:
        """Return a route for each provider whose proof is in the settings.

        Reports still arrive after the settings have changed to another provider.
        """
        handlers = []
        for provider in PROVIDERS:
            webhook = getattr(self._settings, provider).webhook()
            if webhook:
                handlers.append(self._handler(provider, webhook))
        return handlers

    def _handler(self, provider: str, webhook: Webhook) -> HTTPRouteHandler:
        path = f"{FixedRoute.WEBHOOKS}/{provider}"
        longest = webhook.reports.longest

        @post(path, status_code=200, request_max_body_size=longest, include_in_schema=False)
        async def take_reports(request: AnyRequest) -> Done:
            """Answer 200 to every genuine report, even if it changes nothing.

            Otherwise providers would repeat it for hours.
            """
            client = client_of(request)
            for report in await self._require_proven(provider, webhook, request, client):
                await self.take(report, client)
            return Done(message="Noted.", success=True)

        return take_reports

    async def _require_proven(
        self, provider: str, webhook: Webhook, request: AnyRequest, client: Client
    ) -> Sequence[DeliveryReport]:
        """Return the reports of a request. Raises WebhookRefused, Unavailable, TooManyRequests.

        Requests without a proof count against the limit of malformed ones.
        """
        limits = self._stores.limits
        # Before the body is read: a client without a proof must not make us read more (OWASP ASVS
        # 2.4.1).
        await limits.require_left("malformed", client)
        try:
            return await self._read(webhook, request, client)
        except (ReportRefused, ReportUnproven) as refused:
            # Failed authentication belongs in the log (OWASP ASVS 16.3.1): it is an attack, or the
            # secret in the settings is wrong.
            if self._refusals.count(client.networks[0][0]):
                line = LogEvent(
                    "webhook.refused", provider=provider, client=client.ip_address, reason=refused
                )
                log.warning(line)
            await limits.count("malformed", client)
            if isinstance(refused, ReportRefused):
                raise WebhookRefused(str(refused)) from refused
            raise Unavailable(str(refused)) from refused

    async def _read(
        self, webhook: Webhook, request: AnyRequest, client: Client
    ) -> Sequence[DeliveryReport]:
        webhook.require_headers(request.headers)
        with self._bodies.of_client(client) as reserve:
            body = bytearray()
            async for piece in request.stream():
                reserve(len(piece))
                body += piece
            return await webhook.read(request.headers, bytes(body))

    async def take(self, report: DeliveryReport, client: Client) -> None:
        """Note the report with its message.

        A report that is known already, or is about a mail of another sender, changes nothing. If
        the message waits for another try, it is settled: the provider has the mail, and its answer
        was lost.
        """
        stores = self._stores
        to = identifiers.normalize_address(report.to)
        message_id = await message_behind(stores.database, report.provider_id, report.key)
        if message_id is None:
            return
        account_id = ""
        if report.ends:
            account = await stores.accounts.find(to)
            if account:
                account_id = account.id
        event = Event(
            message_id=message_id,
            event=report.event,
            detail=report.detail,
            at=report.at,
            source_id=report.id,
        )

        def write(tx: Transaction) -> bool:
            if not note_report(tx.connection, event):
                return False
            tx.outbox.end_reported(message_id, Sent(report.provider, report.provider_id))
            if report.ends:
                tx.mailboxes.suppress(report.to)
                tx.audit.write(
                    MAIL_REPORT,
                    report.event,
                    client,
                    now(),
                    account_id,
                    to,
                    message_id=message_id,
                )
            return report.ends

        if await stores.transact(write):
            stores.meters.suppression(report.event)


class _BodyBudget:
    """Limits the bytes of unproven bodies while they arrive, of each client and of all (OWASP ASVS
    2.4.1, 13.2.6).
    """

    def __init__(self) -> None:
        self._by_client: Counter[str] = Counter()

    @contextmanager
    def of_client(self, client: Client) -> Iterator[Callable[[int], None]]:
        """Yield a function that reserves bytes until the end of the block.

        It raises Busy if too many bytes are reserved already.
        """
        name, _ = client.networks[0]
        reserved = 0

        def reserve(size: int) -> None:
            nonlocal reserved
            if self._by_client[name] + size > _MOST_BYTES_OF_CLIENT:
                raise Busy
            if self._by_client.total() + size > _MOST_BYTES:
                raise Busy
            reserved += size
            self._by_client[name] += size

        try:
            yield reserve
        finally:
            self._by_client[name] -= reserved
            if not self._by_client[name]:
                del self._by_client[name]
