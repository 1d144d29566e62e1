"""The route to which other systems push their events (RFC 8935). The signature is what authenticates an event."""

import hmac
import logging
from typing import Any

from litestar import Controller, Response, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from keyturn.api.requests import AnyRequest, GivenApi, client_of
from keyturn.reset.hijacked_mailboxes import MailboxReports
from keyturn.signals.published_keys import KeyUnknown
from keyturn.signals.received import MOST_BYTES, SignalRefused
from keyturn.telemetry.logs import LogEvent

log = logging.getLogger("keyturn.signals")

_CONTENT_TYPES = {"application/secevent+jwt", "application/jwt"}


class ReceivedSignalController(Controller):
    """Takes events. They are not in OpenAPI, since only transmitters send them."""

    include_in_schema = False

    @post("/signals/events/{name:str}", status_code=202, request_max_body_size=MOST_BYTES)
    async def take(self, name: FromPath[str], request: AnyRequest, api: GivenApi) -> Response[Any]:
        """Answer 202 to every genuine event, heeded or not, and 503 if it cannot be judged now: it is sent again."""
        reports: MailboxReports = api.reports
        transmitter, client = reports.transmitters.get(name), client_of(request)
        if transmitter is None or transmitter.poll_from:
            raise NotFoundException
        await api.requests.require_readable(client)
        try:
            await reports.take(name, await _token_of(request, transmitter.authorization), client)
        except SignalRefused as refused:
            # Failed authentication belongs in the log (OWASP ASVS 16.3.1): an attack, or a wrong setting.
            if reports.refusals.count(client.networks[0][0]):
                log.warning(LogEvent("signals.refused", transmitter=name, client=client.ip_address, reason=refused))
            await api.requests.count_malformed(client)
            return Response({"err": refused.err, "description": str(refused)}, status_code=400)
        except KeyUnknown:  # as strangers invent it
            await api.requests.count_malformed(client)
            raise
        return Response(b"", status_code=202, media_type="text/plain")  # RFC 8935, 2.2: without a body


async def _token_of(request: AnyRequest, authorization: str) -> bytes:
    """Return the event in a request. The secret is compared first, in the same time for each (CWE-208)."""
    sent = request.headers.get("authorization", "")
    if authorization and not hmac.compare_digest(sent.encode(), authorization.encode()):
        raise SignalRefused("authentication_failed", "the Authorization header is not the agreed one")
    if request.content_type[0] not in _CONTENT_TYPES:
        raise SignalRefused("invalid_request", "the content type must be application/secevent+jwt")
    return (await request.body()).strip()
