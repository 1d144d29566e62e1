"""The routes for mail providers' reports. A valid proof is the only authentication."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from litestar import post
from litestar.handlers import HTTPRouteHandler

from keyturn.mail.port.reports import Report, ReportRefused, ReportUnproven, Webhook
from keyturn.service.api.requests import AnyRequest, GivenApi, client_of
from keyturn.service.api.schemas import Done
from keyturn.service.problems.requests import Busy, Unavailable, WebhookRefused
from keyturn.service.reset.records.client import Client
from keyturn.service.telemetry.logs import LogEvent, OnceAMinute

log = logging.getLogger("keyturn.webhook")

_MOST_BYTES = 16 * 1_048_576
_MOST_BYTES_OF_CLIENT = _MOST_BYTES // 4
_RETRY_AFTER = 5


def report_handlers(webhooks: Mapping[str, Webhook]) -> Sequence[HTTPRouteHandler]:
    """Return a route for each provider. They are not in OpenAPI, since only the providers call them."""
    bodies, refusals = _Bodies(), OnceAMinute()
    return [_handler(provider, webhook, bodies, refusals) for provider, webhook in webhooks.items()]


class _Bodies:
    """Bounds the total bytes of all unproven bodies, and of each client's.

    Anyone may send a body (OWASP ASVS 2.4.1, 13.2.6). Bytes count on arrival: a body that is announced and never sent
    takes no room from providers' reports. Providers repeat a report after a 503.
    """

    def __init__(self) -> None:
        self._by_client: Counter[str] = Counter()

    @contextmanager
    def room(self, client: Client) -> Iterator[Callable[[int], None]]:
        """Yield a function that reserves bytes until the end of the block, and raises Busy if there is no room."""
        name, _ = client.networks[0]
        kept = 0

        def keep(size: int) -> None:
            nonlocal kept
            if self._by_client[name] + size > _MOST_BYTES_OF_CLIENT or self._by_client.total() + size > _MOST_BYTES:
                raise Busy(_RETRY_AFTER)
            kept += size
            self._by_client[name] += size

        try:
            yield keep
        finally:
            self._by_client[name] -= kept
            if not self._by_client[name]:
                del self._by_client[name]


def _handler(provider: str, webhook: Webhook, bodies: _Bodies, refusals: OnceAMinute) -> HTTPRouteHandler:
    @post(
        f"/webhooks/{provider}",
        status_code=200,
        request_max_body_size=webhook.longest,
        include_in_schema=False,
    )
    async def take(request: AnyRequest, api: GivenApi) -> Done:
        """Answer 200 to every genuine report, used or not: after any other answer, providers repeat it for hours."""
        client = client_of(request)
        await api.requests.require_readable(client)
        try:
            reports = await proven(request, client)
        except (ReportRefused, ReportUnproven) as refused:
            # Failed authentication belongs in the log (OWASP ASVS 16.3.1): an attack, or our wrong secret.
            if refusals.count(client.networks[0][0]):
                log.warning(LogEvent("webhook.refused", provider=provider, client=client.ip_address, reason=refused))
            await api.requests.count_malformed(client)
            problem = WebhookRefused if isinstance(refused, ReportRefused) else Unavailable
            raise problem(str(refused)) from refused
        for report in reports:
            await api.provider_events.take(report, client)
        return Done(message="Noted.", success=True)

    async def proven(request: AnyRequest, client: Client) -> Sequence[Report]:
        webhook.require_headers(request.headers)
        with bodies.room(client) as keep:
            body = bytearray()
            async for piece in request.stream():
                keep(len(piece))
                body += piece
            return await webhook.read(request.headers, bytes(body))

    return take
