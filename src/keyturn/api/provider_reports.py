"""Where mail providers report what became of a mail. Who may call is decided by their proof alone."""

import logging
from collections.abc import Mapping, Sequence

from litestar import post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from keyturn.api.requests import AnyRequest, ResetApi, client_of
from keyturn.api.schemas import Done
from keyturn.errors import WebhookRefused
from keyturn.mail.transports.reports import ProviderWebhook
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.webhook")


def report_handlers(webhooks: Mapping[str, ProviderWebhook]) -> Sequence[HTTPRouteHandler]:
    """Return an address for each provider. Not in the schema: each is for one caller, who does not read it."""
    return [_handler(provider, webhook) for provider, webhook in webhooks.items()]


def _handler(provider: str, webhook: ProviderWebhook) -> HTTPRouteHandler:
    @post(
        f"/webhooks/{provider}", status_code=200, request_max_body_size=webhook.longest, include_in_schema=False,
    )  # fmt: skip
    async def take(request: AnyRequest, api: NamedDependency[ResetApi]) -> Done:
        """Answer 200 to every genuine report, heeded or not: providers repeat what gets another answer for hours."""
        try:
            reports = await webhook.read(request.headers, await request.body())
        except WebhookRefused as refused:
            # A failed check of who speaks belongs in the log (OWASP ASVS 16.3.1): it may be an attack, or our secret.
            log.warning(LogEvent("webhook.refused", provider=provider, reason=refused))
            raise
        for report in reports:
            await api.provider_events.take(report, client_of(request))
        return Done(message="Noted.", success=True)

    return take
