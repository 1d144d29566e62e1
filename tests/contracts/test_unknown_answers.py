"""An unknown answer is neither a yes nor a no, for every service and store and every kind of unknown answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
import pytest
from tests.contracts.accounts.stores import new_password
from tests.contracts.accounts.supabase.project import ADA
from tests.contracts.unknown_answers import UNKNOWN, UnknownServer, talking
from tests.servers.serving import serving
from tests.servers.supabase import SupabaseFactor, SupabaseServer

from keyturn.errors import SendRetryable, SendUnknown, SettingsInvalid
from keyturn.mail.port.email import Email
from keyturn.mail.providers import PROVIDERS
from keyturn.mail.providers.smtp import SmtpSender, SmtpSettings
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.supabase.accounts import SupabaseAccounts
from keyturn.service.doctor import Dns
from keyturn.service.doctor.domain import Unanswered
from keyturn.service.problems.requests import AccountsUnready, Busy, ChallengeUnready, SecondStepUnfinished
from keyturn.service.reset.passwords.breaches import Breaches, BreachSourceFailed
from keyturn.service.reset.proofs.challenge import Captcha
from keyturn.service.reset.proofs.second_step.port import SecondStepTry
from keyturn.service.reset.proofs.second_step.sms import TwilioSms
from keyturn.service.reset.proofs.second_step.supabase import SupabaseSecondStep
from keyturn.service.reset.records.client import Client
from keyturn.service.settings import ChallengeSettings, Secret, SmsSettings, SupabaseSettings
from keyturn.service.webhooks.sender import WebhookSender

PATIENCE = timedelta(seconds=20)
"""The time-out of each service, unless the fault is its silence."""

SHORT = timedelta(seconds=2)
"""The time-out where it is. Requests before the silence get their answers within it."""

TOO_MANY = 429
"""A status that asks for a pause, whoever says so."""

CODE, OTHER_CODE = "492039", "111111"
TOTP = "3f1d1a52-53a5-4a1b-8c9a-0d6a3b1c2e4f"
CLIENT = Client(ip_address="192.0.2.1")
MAIL = Email(sender="accounts@northwind.example", to="ada@pupils.test", subject="Reset", html="<p>x</p>", text="x")

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


def opening(make: Callable[[UnknownServer], Any], ask: Callable[[Any], Awaitable[object]]) -> Opening:
    """Open an adapter of the server that is asked the question, and closed."""

    @asynccontextmanager
    async def opened(server: UnknownServer) -> AsyncIterator[Ask]:
        made = make(server)
        yield lambda: ask(made)
        await made.close()

    return opened


def supabase(server: UnknownServer) -> tuple[SupabaseSettings, Account]:
    project = SupabaseServer()
    factors = [SupabaseFactor(id=TOTP[:-1] + "0", code=OTHER_CODE), SupabaseFactor(id=TOTP, code=CODE)]
    user = project.users.add(ADA, "seven quiet harbours", factors=factors)
    server.app = project
    settings = SupabaseSettings(url=server.url, service_role_key=Secret(project.service_role_key))
    return settings, Account(id=user.id, email=ADA)


def accounts(name: str) -> Opening:
    @asynccontextmanager
    async def opened(server: UnknownServer) -> AsyncIterator[Ask]:
        settings, ada = supabase(server)
        store = SupabaseAccounts(settings, timeout=server.patience)
        given: dict[str, tuple[Any, ...]] = {"find": (ADA,), "get": (ada.id,), "set_password": (ada, new_password())}
        yield lambda: getattr(store, name)(*given.get(name, ()))
        await store.close()

    return opened


def second_step(name: str) -> Opening:
    @asynccontextmanager
    async def opened(server: UnknownServer) -> AsyncIterator[Ask]:
        settings, ada = supabase(server)
        step, moment = SupabaseSecondStep(settings, server.patience), datetime.now(UTC)
        trial = SecondStepTry(account=ada, method="totp", code=CODE, client=CLIENT, moment=moment)
        given: dict[str, tuple[Any, ...]] = {"factors": (ada,), "verify": (trial,)}
        yield lambda: getattr(step, name)(*given.get(name, ()))
        await step.close()

    return opened


def sender(name: str, **section: Any) -> Opening:
    provider = PROVIDERS[name]
    return opening(
        lambda server: provider.build(provider.settings(**section, api_url=server.url), server.patience),
        lambda made: made.send(MAIL, "key-1"),
    )


def twilio(server: UnknownServer) -> TwilioSms:
    settings = SmsSettings(api_url=server.url, account="AC1", password=Secret("x"), from_="+15005550006")
    return TwilioSms(settings, server.patience)


def captcha(name: Literal["turnstile", "hcaptcha"]) -> Opening:
    def make(server: UnknownServer) -> Captcha:
        settings = ChallengeSettings(method=name, site_key="site", secret=Secret("secret"), url=server.url)
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

_STEPS = ("factors", "link", "session", "first challenge", "first code", "second challenge", "second code")

QUESTIONS = {
    **{f"Supabase: {name}": Question(accounts(name), (AccountsUnready,)) for name in ("find", "get", "set_password")},
    "Supabase: the change itself": Question(accounts("set_password"), (AccountsUnready,), 1),
    "Supabase: the start": Question(accounts("require_ready"), (AccountsUnready, SettingsInvalid)),
    "second step at Supabase: the start": Question(second_step("require_ready"), (AccountsUnready, SettingsInvalid)),
    "second step at Supabase: which factors": Question(second_step("factors"), (AccountsUnready,)),
    **{
        f"second step at Supabase: {name}": Question(
            second_step("verify"), (SecondStepUnfinished if name.startswith("second") else AccountsUnready,), spared
        )
        for spared, name in enumerate(_STEPS)
    },
    "resend": Question(sender("resend", api_key=Secret("key")), (SendRetryable,)),
    "postmark": Question(sender("postmark", server_token=Secret("key")), (SendUnknown,)),
    "sendgrid": Question(sender("sendgrid", api_key=Secret("key")), (SendUnknown,)),
    "mailgun": Question(sender("mailgun", api_key=Secret("key"), domain="m.test"), (SendUnknown,)),
    "ses": Question(
        sender("ses", region="eu-west-1", access_key_id="id", secret_access_key=Secret("key")), (SendUnknown,)
    ),
    "twilio": Question(opening(twilio, lambda sms: sms.send("+447700900123", CODE)), (SendRetryable,)),
    "turnstile": Question(captcha("turnstile"), (ChallengeUnready, Busy)),
    "hcaptcha": Question(captcha("hcaptcha"), (ChallengeUnready, Busy)),
    "leaked passwords": Question(ranges, (BreachSourceFailed, TimeoutError)),
    "the app's webhook": Question(webhook, (SendRetryable,), heeds=_YES | {"cut off"}),
}


@pytest.fixture(scope="module")
def running() -> Iterator[UnknownServer]:
    server = UnknownServer()
    with serving(server) as server.url:
        yield server


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.long
async def test_an_answer_that_is_not_understood_is_neither_yes_nor_no(running: UnknownServer, question: str) -> None:
    asked, understood = QUESTIONS[question], {}
    running.paths.clear()
    for silent, patience in ((False, PATIENCE), (True, SHORT)):
        running.patience = patience
        async with asked.opened(running) as ask:
            for name, answer in UNKNOWN.items():
                if name in asked.heeds or answer.never_ends != silent:
                    continue
                running.answer, running.spared = answer, asked.spared
                try:
                    understood[name] = repr(await ask())
                except SendRetryable as error:
                    is_unknown = isinstance(error, asked.unknown) or answer.status == TOO_MANY
                    if error.not_accepted or not is_unknown:
                        understood[name] = repr(error)
                except Exception as error:  # noqa: BLE001 - any other error is a fault
                    if not isinstance(error, asked.unknown):
                        understood[name] = repr(error)

    assert not understood
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
        [b"220 ok\r\n", b"250-ok\r\n250 AUTH PLAIN\r\n", b"454 Temporary authentication failure\r\n"],
    ],
    ids=lambda lines: f"{len(lines)} {lines[-1]!r}",
)
async def test_a_mail_server_that_says_what_is_no_reply_has_not_refused_the_mail(lines: list[bytes]) -> None:
    login: Any = {"username": "u", "password": Secret("p")} if b"AUTH" in b"".join(lines) else {}
    async with talking(lines) as port:
        settings = SmtpSettings(host="127.0.0.1", port=port, security="none", **login)
        with pytest.raises(SendRetryable) as failure:
            await SmtpSender(settings, PATIENCE).send(MAIL, "key-1")
    assert failure.value.not_accepted or not login


@pytest.mark.parametrize("said", [b"", b"\0", b"what", b"\xff" * 40, b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=repr)
@pytest.mark.long
async def test_a_nameserver_that_speaks_otherwise_gives_no_answer(said: bytes) -> None:
    class Odd(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, peer: Any) -> None:
            self.transport.sendto(data[:2] + said, peer)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Odd, ("127.0.0.1", 0))
    try:
        dns = Dns(transport.get_extra_info("sockname"), patience=0.5)
        with pytest.raises(Unanswered):
            await dns.texts("northwind.example")
    finally:
        transport.close()
