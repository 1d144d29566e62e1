"""Checks that the app's webhook can be found and reached, with a valid certificate. Sends no event."""

import asyncio
import contextlib
import socket
import ssl
from urllib.parse import urlsplit

import httpx

from keyturn.finding import Finding
from keyturn.settings import Settings


async def check_webhook(settings: Settings) -> list[Finding]:
    """Connect as the sender does. Failures are warnings, since mails and answers do not depend on the app."""
    hooks = settings.webhooks
    url = urlsplit(hooks.url)
    host, secure = url.hostname or "", url.scheme == "https"
    port = url.port or (443 if secure else 80)
    try:
        context = httpx.create_ssl_context() if secure else None
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, ValueError) as error:
        return [_explain_failure(f"{host}:{port}", error)]
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return [Finding("webhook", "ok", f"{host}:{port} is reached, and told of {', '.join(hooks.events) or 'nothing'}")]


def _explain_failure(where: str, error: Exception) -> Finding:
    match error:
        case ssl.SSLCertVerificationError():
            message = f"the certificate of {where} is not valid: {error.verify_message}"
            mend = "Set webhooks.url to the name in the certificate, or SSL_CERT_FILE to who issued it."
        case ssl.SSLError():
            message = f"{where} does not speak TLS"
            mend = "Correct webhooks.url."
        case socket.gaierror():
            message = f"{where} cannot be found: {error.strerror}"
            mend = "Correct the name in webhooks.url, or add it to the DNS."
        case _:
            message = f"cannot connect to {where}: {getattr(error, 'strerror', None) or type(error).__name__}"
            mend = "Correct webhooks.url, and let this machine connect to it."
    return Finding("webhook", "warn", message, mend)
