"""Postmark: whether the token is taken, whether its server delivers, and what the message stream is for."""

import msgspec

from keyturn.doctor.finding import Finding
from keyturn.doctor.providers.asking import answer_of, fail, odd_answer
from keyturn.mail.transports.postmark.sender import TEST_TOKEN, open_api
from keyturn.mail.transports.provider_api import ACCOUNT_REFUSED, OK, Answer, ProviderApi
from keyturn.settings import Settings


class _Server(msgspec.Struct, rename="pascal"):
    """Describes the server that a token is for (https://postmarkapp.com/developer/api/server-api)."""

    name: str
    delivery_type: str = "Live"


class _Stream(msgspec.Struct, rename="pascal"):
    """Describes a stream of it (https://postmarkapp.com/developer/api/message-streams-api)."""

    message_stream_type: str


async def check_postmark(settings: Settings) -> list[Finding]:
    """Ask with the sender's own client. Whose domain may send, a server's token does not show."""
    postmark = settings.postmark
    if postmark.server_token == TEST_TOKEN:
        message = f"the token is {TEST_TOKEN}: mails are looked at, none is sent"
        if settings.environment == "production":
            return [Finding("postmark", "warn", message, _NEW_TOKEN)]
        return [Finding("postmark", "ok", message)]
    api = open_api(postmark)
    try:
        server = await answer_of("postmark", api, "/server")
        if isinstance(server, Finding):
            return [server]
        found = _judge_server(server, api)
        if found.verdict == "fail":
            return [found]
        stream = await answer_of("postmark", api, f"/message-streams/{postmark.message_stream}")
        return [found, stream if isinstance(stream, Finding) else _judge_stream(stream, postmark.message_stream)]
    finally:
        await api.close()


_NEW_TOKEN = "Set POSTMARK_SERVER_TOKEN to that of a server, from its tab API Tokens."  # noqa: S105 - a sentence


def _judge_server(answer: Answer, api: ProviderApi) -> Finding:
    if answer.status in ACCOUNT_REFUSED:
        return fail("postmark", f"the token is refused ({answer.status})", _NEW_TOKEN)
    server = answer.read(_Server) if answer.status == OK else None
    if not server:
        return odd_answer("postmark", api, answer)
    if server.delivery_type == "Sandbox":
        message = f"the server {server.name} is a sandbox: it takes mails, and delivers none"
        return Finding("postmark", "warn", message, "Set POSTMARK_SERVER_TOKEN to the token of a live server.")
    return Finding("postmark", "ok", f"the token is taken, for the server {server.name}")


def _judge_stream(answer: Answer, name: str) -> Finding:
    stream = answer.read(_Stream) if answer.status == OK else None
    kind = stream.message_stream_type if stream else ""
    if kind == "Transactional":
        return Finding("postmark", "ok", f"the stream {name} is for transactional mails")
    mend = 'Set postmark.message_stream to a transactional one, such as "outbound".'
    if kind == "Broadcasts":
        message = f"the stream {name} is for broadcasts: its mails may carry a link to unsubscribe"
        return Finding("postmark", "warn", message, mend)
    return fail("postmark", f"there is no stream {name} to send on", mend)
