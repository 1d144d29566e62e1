"""An unknown answer is neither a yes nor a no, for every service and store and every kind of
unknown answer.
"""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain, repeat
from typing import Any, Literal

import msgspec
import pytest
from tests.contracts.accounts.stores import new_password
from tests.contracts.accounts.supabase.conftest import ADA
from tests.servers.serving import serving
from tests.servers.supabase import SupabaseFactor, SupabaseServer

from keyturn.errors import SendRetryable, SendUnknown, SettingsInvalid
from keyturn.http_client import CallFailed
from keyturn.mail.port.email import Email
from keyturn.mail.providers import PROVIDERS
from keyturn.mail.providers.smtp import Smtp, SmtpSender
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.supabase.store import SupabaseAccounts
from keyturn.service.client import Client
from keyturn.service.problems.requests import (
    AccountsUnready,
    Busy,
    ChallengeUnready,
    SecondStepUnfinished,
)
from keyturn.service.reset.passwords.breaches import Breaches
from keyturn.service.reset.proofs.captcha import Captcha
from keyturn.service.reset.proofs.second_step.port import SecondStepTry
from keyturn.service.reset.proofs.second_step.sms import TwilioSms
from keyturn.service.reset.proofs.second_step.supabase import SupabaseSecondStep
from keyturn.service.settings import ChallengeSettings, SecretStr, SmsSettings, SupabaseSettings
from keyturn.service.webhooks.sender import WebhookSender

_PAGE = b"<!doctype html><title>Gateway</title><h1>Something is wrong</h1>"
_GATEWAY = b'{"message": "no Route matched with those values"}'
_REFUSES_ALL = b'{"success": false, "errors": [{"code": 10000}]}'
_WRONG_TYPES = b"""{
    "id": 7, "users": "none", "success": "yes", "error-codes": 5, "ErrorCode": "0",
    "MessageID": [], "MessageId": {}, "sid": 7, "code": [1], "error_code": {}, "errors": "many",
    "message": 3, "statusCode": "soon", "name": ["x"], "hashed_token": 1, "access_token": null,
    "status": "verified"
}"""
_NO_CONTENT = 204
_TRUNCATED = b'{"id": "3f1d1a52", "success": tru'


class Unknown(msgspec.Struct, frozen=True):
    """An answer.

    Without a `status` the server stays silent. `length` is a Content-Length above the body's
    length.
    """

    status: int = 0
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = {}
    length: int = 0

    @property
    def never_ends(self) -> bool:
        return not self.status or bool(self.length)


UNKNOWN: Mapping[str, Unknown] = {
    "200 empty": Unknown(200),
    "200 page": Unknown(200, _PAGE, "text/html"),
    "200 page that says it is JSON": Unknown(200, _PAGE),
    "200 null": Unknown(200, b"null"),
    "200 true": Unknown(200, b"true"),
    "200 text": Unknown(200, b'"OK"'),
    "200 list of texts": Unknown(200, b'["an id"]'),
    "200 empty document": Unknown(200, b"{}"),
    "200 other document": Unknown(200, b'{"ok": true}'),
    "200 refusal of a gateway": Unknown(200, _REFUSES_ALL),
    "200 wrong types": Unknown(200, _WRONG_TYPES),
    "200 truncated": Unknown(200, _TRUNCATED),
    "200 not UTF-8": Unknown(200, b'{"id": "\xff\xfe"}'),
    "200 deep": Unknown(200, b"[" * 30_000),
    "200 long": Unknown(200, b" " * 2_000_000),
    "201 other document": Unknown(201, b'{"ok": true}'),
    "204": Unknown(204),
    "301 elsewhere": Unknown(301, b"", headers={"location": "/elsewhere"}),
    "307 elsewhere": Unknown(307, b"{}", headers={"location": "/elsewhere"}),
    "400 document": Unknown(
        400, b'{"errors": "many"}', headers={"x-amzn-errortype": "to ada@pupils.test"}
    ),
    "400 page": Unknown(400, _PAGE, "text/html"),
    "401 gateway": Unknown(401, b'{"message": 401}'),
    "403 page": Unknown(403, _PAGE, "text/html"),
    "403 gateway": Unknown(403, _REFUSES_ALL),
    "404 text": Unknown(404, b"404 page not found\n", "text/plain"),
    "404 gateway": Unknown(404, _GATEWAY),
    "408": Unknown(408, b"{}"),
    "413 empty document": Unknown(413, b"{}"),
    "418 document": Unknown(418, b'{"ok": true}'),
    "422 wrong types": Unknown(422, _WRONG_TYPES),
    "429 page": Unknown(429, _PAGE, "text/html"),
    "500 empty": Unknown(500),
    "502 page": Unknown(502, _PAGE, "text/html"),
    "503 document": Unknown(503, b'{"id": "3f1d1a52", "success": true}'),
    "cut off": Unknown(200, _TRUNCATED, length=500),
    "silence": Unknown(),
}
"""Unknown answers by name. None of them is a valid answer of a service that Keyturn uses."""


class UnknownServer:
    """Answers the first `spared` requests as `app` does, and each later one with `answer`, which
    then `is_given`.

    `patience`: how long its clients wait.
    """

    def __init__(self) -> None:
        self.url = ""
        self.patience = timedelta(0)
        self.answer = Unknown()
        self.spared = 0
        self.is_given = False
        self.app: Callable[[Any, Any, Any], Awaitable[None]] | None = None
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        if self.app and self.spared:
            self.spared -= 1
            await self.app(scope, receive, send)
            return
        answer, self.is_given = self.answer, True
        if not answer.status:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        has_body = answer.status != _NO_CONTENT
        headers = {"content-type": answer.type, **answer.headers}
        if has_body:
            headers["content-length"] = str(answer.length or len(answer.body))
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": fields})
        more = bool(answer.length)
        await send(
            {
                "type": "http.response.body",
                "body": answer.body if has_body else b"",
                "more_body": more,
            }
        )


@asynccontextmanager
async def talking(lines: Sequence[bytes]) -> AsyncIterator[int]:
    """Serve a protocol of lines on a port: a greeting, then an answer to each line.

    The last answer repeats.
    """
    tasks: list[asyncio.Task[Any]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            tasks.append(task)
        with suppress(OSError), closing(writer):
            for answer in chain(lines, repeat(lines[-1])):
                writer.write(answer)
                await writer.drain()
                if not answer or not await reader.readline():
                    break

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


PATIENCE = timedelta(seconds=20)
"""The time-out of each service, unless the fault is its silence."""

SHORT = timedelta(seconds=2)
"""The time-out where it is. Requests before the silence get their answers within it."""

TOO_MANY = 429
"""A status that asks for a pause, whoever says so."""

CODE, OTHER_CODE = "492039", "111111"
TOTP = "3f1d1a52-53a5-4a1b-8c9a-0d6a3b1c2e4f"
CLIENT = Client(ip_address="192.0.2.1")
MAIL = Email(
    sender="accounts@northwind.example",
    to="ada@pupils.test",
    subject="Reset",
    html="<p>x</p>",
    text="x",
)

Errors = tuple[type[Exception], ...]
Ask = Callable[[], Awaitable[object]]
Opening = Callable[[UnknownServer], AbstractAsyncContextManager[Ask]]


class Question(msgspec.Struct, frozen=True):
    """A question to a service, and the outcome that stands for an unknown answer.

    `spared`: the number of requests that get a correct answer first.
    `heeds`: the unknown answers that this service does understand.
    """

    opened: Opening
    unknown: Errors
    spared: int = 0
    heeds: Collection[str] = ()


def opening(
    make: Callable[[UnknownServer], Any], ask: Callable[[Any], Awaitable[object]]
) -> Opening:
    @asynccontextmanager
    async def opened(server: UnknownServer) -> AsyncIterator[Ask]:
        made = make(server)
        yield lambda: ask(made)
        await made.close()

    return opened


def at_supabase(kind: type[SupabaseAccounts | SupabaseSecondStep], name: str) -> Opening:
    """Call the method of that name, about a user with two factors."""

    @asynccontextmanager
    async def opened(server: UnknownServer) -> AsyncIterator[Ask]:
        server.app = project = SupabaseServer()
        factors = [
            SupabaseFactor(id=TOTP[:-1] + "0", code=OTHER_CODE),
            SupabaseFactor(id=TOTP, code=CODE),
        ]
        user = project.users.add(ADA, "seven quiet harbours", factors=factors)
        ada = Account(id=user.id, email=ADA)
        trial = SecondStepTry(
            account=ada, method="totp", code=CODE, client=CLIENT, moment=datetime.now(UTC)
        )
        given: dict[str, tuple[Any, ...]] = {
            "find": (ADA,),
            "get": (ada.id,),
            "set_password": (ada, new_password()),
        }
        given |= {"factors": (ada,), "verify": (trial,)}
        settings = SupabaseSettings(
            url=server.url, service_role_key=SecretStr(project.service_role_key)
        )
        made = kind(settings, server.patience)
        yield lambda: getattr(made, name)(*given.get(name, ()))
        await made.close()

    return opened


accounts, second_step = (
    partial(at_supabase, kind) for kind in (SupabaseAccounts, SupabaseSecondStep)
)


def sender(name: str, **section: Any) -> Opening:
    return opening(
        lambda server: PROVIDERS[name](**section, api_url=server.url).build(server.patience),
        lambda made: made.send(MAIL, "key-1"),
    )


def twilio(server: UnknownServer) -> TwilioSms:
    settings = SmsSettings(
        api_url=server.url, account="AC1", password=SecretStr("x"), from_="+15005550006"
    )
    return TwilioSms(settings, server.patience)


def captcha(name: Literal["turnstile", "hcaptcha"]) -> Opening:
    def make(server: UnknownServer) -> Captcha:
        settings = ChallengeSettings(
            method=name, site_key="site", secret=SecretStr("secret"), url=server.url
        )
        return Captcha(settings, ["a.test"], server.patience)

    return opening(make, lambda judge: judge.verify("an-answer", CLIENT))


@asynccontextmanager
async def ranges(server: UnknownServer) -> AsyncIterator[Ask]:
    source = Breaches(server.url)
    yield lambda: asyncio.wait_for(source.ask("password"), server.patience.total_seconds())
    await source.close()


webhook = opening(
    lambda server: WebhookSender(server.url, ["whsec_" + "a2V5" * 8], server.patience),
    lambda told: told.send("id", b"{}", datetime.now(UTC)),
)

_YES = {name for name, answer in UNKNOWN.items() if 200 <= answer.status < 300}
"""Standard Webhooks: any 2xx is a yes, with any body."""

_STEPS = (
    "factors",
    "link",
    "session",
    "first challenge",
    "first code",
    "second challenge",
    "second code",
)

QUESTIONS = {
    **{
        f"Supabase: {name}": Question(accounts(name), (AccountsUnready,))
        for name in ("find", "get", "set_password")
    },
    "Supabase: the change itself": Question(accounts("set_password"), (AccountsUnready,), 1),
    "Supabase: the start": Question(accounts("require_ready"), (AccountsUnready, SettingsInvalid)),
    "second step at Supabase: the start": Question(
        second_step("require_ready"), (AccountsUnready, SettingsInvalid)
    ),
    "second step at Supabase: which factors": Question(second_step("factors"), (AccountsUnready,)),
    **{
        f"second step at Supabase: {name}": Question(
            second_step("verify"),
            (SecondStepUnfinished if name.startswith("second") else AccountsUnready,),
            spared,
        )
        for spared, name in enumerate(_STEPS)
    },
    "resend": Question(sender("resend", api_key=SecretStr("key")), (SendRetryable,)),
    "postmark": Question(sender("postmark", server_token=SecretStr("key")), (SendUnknown,)),
    "sendgrid": Question(sender("sendgrid", api_key=SecretStr("key")), (SendUnknown,)),
    "mailgun": Question(
        sender("mailgun", api_key=SecretStr("key"), domain="m.test"), (SendUnknown,)
    ),
    "ses": Question(
        sender("ses", region="eu-west-1", access_key_id="id", secret_access_key=SecretStr("key")),
        (SendUnknown,),
    ),
    "twilio": Question(
        opening(twilio, lambda sms: sms.send("+447700900123", CODE)), (SendRetryable,)
    ),
    "turnstile": Question(captcha("turnstile"), (ChallengeUnready, Busy)),
    "hcaptcha": Question(captcha("hcaptcha"), (ChallengeUnready, Busy)),
    "leaked passwords": Question(ranges, (CallFailed, TimeoutError)),
    "the app's webhook": Question(webhook, (SendRetryable,), heeds=_YES | {"cut off"}),
}


@pytest.fixture(scope="module")
def running() -> Iterator[UnknownServer]:
    server = UnknownServer()
    with serving(server) as server.url:
        yield server


async def meaning(ask: Ask, unknown: Errors, answer: Unknown) -> str:
    """Return what the answer is taken for, "" for an unknown outcome."""
    try:
        return repr(await ask())
    except SendRetryable as error:
        is_unknown = isinstance(error, unknown) or answer.status == TOO_MANY
        return repr(error) if error.not_accepted or not is_unknown else ""
    except Exception as error:  # noqa: BLE001 - any other error is a fault
        return "" if isinstance(error, unknown) else repr(error)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.long
async def test_an_answer_that_is_not_understood_is_neither_yes_nor_no(
    running: UnknownServer, question: str
) -> None:
    asked, understood = QUESTIONS[question], dict[str, str]()
    running.paths.clear()
    for silent, patience in ((False, PATIENCE), (True, SHORT)):
        running.patience = patience
        async with asked.opened(running) as ask:
            for name, answer in UNKNOWN.items():
                if name in asked.heeds or answer.never_ends != silent:
                    continue
                for _ in range(5):  # a busy machine may be too late with what is spared
                    running.answer, running.spared, running.is_given = answer, asked.spared, False
                    understood[name] = await meaning(ask, asked.unknown, answer)
                    if running.is_given:
                        break
                assert running.is_given, name

    assert understood == dict.fromkeys(understood, "")
    assert "/elsewhere" not in running.paths, "the client followed a redirect"


GREETED, TAKEN = [b"220 ok\r\n", b"250 ok\r\n"], [b"220 ok\r\n", *[b"250 ok\r\n"] * 3]


@pytest.mark.parametrize(
    "lines",
    [
        [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [b""],
        [b"\xff\xfe\0\r\n"],
        [b"220 ok\r\n", b"hello\r\n"],
        [*GREETED, b"nothing\r\n"],
        [*GREETED, b"999 what\r\n"],
        [*TAKEN, b"354 go\r\n", b"700 what\r\n"],
        [*TAKEN, b"354 go\r\n", b""],
        [*TAKEN, b"999 go\r\n"],
        [
            b"220 ok\r\n",
            b"250-ok\r\n250 AUTH PLAIN\r\n",
            b"454 Temporary authentication failure\r\n",
        ],
    ],
    ids=lambda lines: f"{len(lines)} {lines[-1]!r}",
)
async def test_a_mail_server_that_says_what_is_no_reply_has_not_refused_the_mail(
    lines: list[bytes],
) -> None:
    login: Any = {"username": "u", "password": SecretStr("p")} if b"AUTH" in b"".join(lines) else {}
    async with talking(lines) as port:
        settings = Smtp(host="127.0.0.1", port=port, security="none", **login)
        with pytest.raises(SendRetryable) as failure:
            await SmtpSender(settings, PATIENCE).send(MAIL, "key-1")
    assert failure.value.not_accepted or not login
