"""Where Resend reports what became of a mail. Who may call it is decided by the signature alone."""

import logging

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException

from keyturn.api.requests import AnyRequest, ResetApi, client_of
from keyturn.api.schemas import Done
from keyturn.errors import WebhookRefused
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.webhook")


class ResendEventsController(Controller):
    """Takes Resend's reports. Not in the schema: it is there for one caller, who does not read it."""

    path = "/webhooks"
    include_in_schema = False

    @post("/resend", status_code=200)
    async def resend(self, request: AnyRequest, api: NamedDependency[ResetApi]) -> Done:
        """Answer 200 to every genuine report, heeded or not: Resend repeats what gets another answer for a day."""
        if not api.webhook:
            raise NotFoundException
        try:
            report = api.webhook.read(request.headers, await request.body())
        except WebhookRefused as refused:
            # A failed check of who speaks belongs in the log (OWASP ASVS 16.3.1): it may be an attack, or our secret.
            log.warning(LogEvent("webhook.refused", reason=refused))
            raise
        if report:
            await api.provider_events.take(report, client_of(request))
        return Done(message="Noted.")
