"""Directories that hang, break, lie, or refuse: every wait ends, and an unknown outcome is never a
no.
"""

import asyncio
import re
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from tests.contracts.accounts.ldap.conftest import of
from tests.contracts.accounts.stores import new_password, own_messages

from keyturn.errors import SettingsInvalid
from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.ber import elements, integer, octets, tlv
from keyturn.service.accounts.ldap.directory import Directory
from keyturn.service.accounts.ldap.messages import BIND, EXTENDED, MODIFY, SEARCH
from keyturn.service.accounts.ldap.store import LdapAccounts
from keyturn.service.accounts.port import Account
from keyturn.service.clock import MovableClock, replaced
from keyturn.service.problems.passwords import PasswordRejected
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import LdapSettings, SecretStr

HANG, CUT, TLS = b"hang", b"cut", b"tls"
ID = "4ff9c4ae-5c6b-4c0e-9a3c-5a3f1f0e7c11"
ADA = {
    "mail": ["ada@northwind.test"], "entryUUID": [ID], "cn": ["Ada"],
    "supportedExtension": [messages.PASSWORD_MODIFY],
}  # fmt: skip
"""What every search finds, the one for the server's own description included."""

_NAMES = {BIND: "bind", SEARCH: "search", MODIFY: "modify", EXTENDED: "extended"}
_ANSWERS = {"bind": 0x61, "search": 0x65, "modify": 0x67, "extended": 0x78}

Answer = Callable[[], bytes]


def result(kind: str, code: int = 0, message: str = "") -> bytes:
    """Return the end of an answer, as an operation."""
    return tlv(_ANSWERS[kind], integer(code, 0x0A), octets(""), octets(message))


def entry(values: dict[str, list[str]], dn: str = "cn=Ada,dc=northwind,dc=test") -> bytes:
    written = [
        tlv(0x30, octets(name), tlv(0x31, *map(octets, each))) for name, each in values.items()
    ]
    return tlv(0x64, octets(dn), tlv(0x30, *written))


class FakeDirectory:
    """Answers each kind of request with success, and searches with Ada, unless `answers` has
    something else.

    `tls`: what begins with the answer TLS.

    `asked`: how many requests of each kind have arrived. `by_name`: its address at which TLS is
    asked for.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[bytes]] = {"search": [entry(ADA), result("search")]}
        self.asked: Counter[str] = Counter()
        self.url = self.by_name = ""
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._writers: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.asked["connection"] += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer_one(reader, writer):
                pass
        self._writers.discard(writer)
        writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        (_, number), (tag, _), *_ = elements(await messages.next_message(reader))
        kind = _NAMES.get(tag)
        if kind is None:
            return False
        self.asked[kind] += 1
        for operation in self.answers.get(kind, [result(kind)]):
            if operation == CUT:
                return False
            if operation == HANG:
                await reader.read()
                return False
            if operation == TLS:
                await writer.start_tls(self.tls)
                break
            is_raw = operation.startswith(b"raw ")
            writer.write(
                operation[4:] if is_raw else tlv(0x30, integer(int.from_bytes(number)), operation)
            )
        await writer.drain()
        return True


@asynccontextmanager
async def fake_directory() -> AsyncIterator[FakeDirectory]:
    directory = FakeDirectory()
    server = await asyncio.start_server(directory._serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    directory.url, directory.by_name = f"ldap://127.0.0.1:{port}", f"ldap://localhost:{port}"
    try:
        yield directory
    finally:
        server.close()
        for writer in directory._writers:
            writer.close()
        await server.wait_closed()


EMAIL = "ada@northwind.test"
ACCOUNT = Account(id=ID, email=EMAIL)

Opened = Callable[..., LdapAccounts]


@pytest.fixture
async def directories() -> AsyncIterator[list[FakeDirectory]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(fake_directory()) for _ in range(2)]


@pytest.fixture
def directory(directories: list[FakeDirectory]) -> FakeDirectory:
    return directories[0]


@pytest.fixture
async def opened(directories: list[FakeDirectory]) -> AsyncIterator[Opened]:
    """Return a function that opens a store of both servers, or as the settings say."""
    settings = LdapSettings(
        servers=tuple(one.url for one in directories),
        bind_dn="cn=keyturn",
        bind_password=SecretStr("hunter2"),
        base="dc=northwind,dc=test",
    )
    stores: list[LdapAccounts] = []

    def open_store(
        timeout: timedelta = timedelta(seconds=20),
        connections: int = 1,
        longest_job: timedelta = timedelta(seconds=30),
        **changes: Any,
    ) -> LdapAccounts:
        changed = msgspec.structs.replace(settings, **changes)
        directory = Directory(
            changed, connections, timeout.total_seconds(), longest_job.total_seconds()
        )
        stores.append(LdapAccounts(changed, directory))
        return stores[-1]

    yield open_store
    for store in stores:
        await store.close()


async def refusal(asked: Awaitable[object], why: str) -> AccountsUnready:
    async with asyncio.timeout(10):
        with pytest.raises(AccountsUnready, match=why) as unready:
            await asked
    return unready.value


@pytest.mark.parametrize("step", ["bind", "search"])
@pytest.mark.parametrize(
    "trouble", [HANG, CUT, b"raw HTTP/1.1 400", b"raw 0\x84\x7f\xff\xff\xff"], ids=str
)
async def test_a_read_ends_come_what_may(
    directory: FakeDirectory, opened: Opened, step: str, trouble: bytes
) -> None:
    directory.answers[step] = [trouble]
    store = opened(
        timeout=timedelta(seconds=1 if trouble == HANG else 20), servers=(directory.url,)
    )

    for read in (store.find(EMAIL), store.get(ID), store.set_password(ACCOUNT, new_password())):
        assert (await refusal(read, "the directory cannot be reached")).not_changed
    assert directory.asked["extended"] == 0


async def test_a_server_that_is_not_there_is_named_without_the_password(opened: Opened) -> None:
    for url in ("ldap://127.0.0.1:1", f"ldap://{'a' * 64}.example.org"):
        asked = opened(servers=(url,)).require_ready()
        unready = await refusal(asked, f"the directory cannot be reached; {re.escape(url)}: ")
        assert unready.not_changed
        assert "hunter2" not in str(unready)


@pytest.mark.long
async def test_the_next_server_answers_for_one_that_hangs_and_goes_on_answering(
    directories: list[FakeDirectory], opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = directories
    first.answers["search"] = [HANG]
    store = opened(timeout=timedelta(seconds=5), connections=2)

    assert all(
        await asyncio.gather(store.find(EMAIL), store.find(EMAIL))
    )  # who lose the first together
    assert await store.find(EMAIL)
    first.answers = second.answers
    assert await store.set_password(ACCOUNT, new_password())

    # What the second has written may not be at the first yet, so it is read at the second.
    assert (first.asked["search"], first.asked["extended"], second.asked["extended"]) == (2, 0, 1)
    lost = [one for one in own_messages(caplog) if one.startswith("accounts.server_lost")]
    assert lost
    assert all("no answer within 5 s" in line for line in lost)


@pytest.mark.long
@pytest.mark.parametrize("trouble", [HANG, CUT, b"raw \x00"], ids=str)
async def test_a_change_without_an_answer_may_have_happened_and_is_not_repeated(
    directories: list[FakeDirectory], opened: Opened, trouble: bytes
) -> None:
    first, second = directories
    first.answers["extended"] = [trouble]
    timeout = timedelta(seconds=20 if trouble == CUT else 5)
    asked = opened(timeout=timeout).set_password(ACCOUNT, new_password())

    assert not (await refusal(asked, "no answer to a change")).not_changed
    assert second.asked["extended"] == 0


async def test_a_refusal_is_a_no_only_if_nothing_can_have_changed(
    directory: FakeDirectory, opened: Opened
) -> None:
    for code in (1, 3, 16, 32, 50, 51, 53, 80):
        directory.answers["extended"] = [result("extended", code, "as it is")]
        asked = opened().set_password(ACCOUNT, new_password())
        unready = await refusal(asked, f"refuses to set a password: {code} as it is")
        assert unready.not_changed is (code in {16, 32, 50, 53})


@pytest.mark.long
async def test_what_follows_a_change_cannot_turn_it_into_a_failure(
    directory: FakeDirectory, opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    directory.answers["search"] = [entry({**ADA, "pwdReset": ["TRUE"]}), result("search")]
    store = opened()
    for trouble in (HANG, result("modify", 50, "no right")):
        directory.answers["modify"] = [trouble]
        assert await store.set_password(ACCOUNT, new_password())

    hung, refused = (
        line for line in own_messages(caplog) if line.startswith("accounts.not_let_in")
    )
    assert "no answer within 5 s" in hung, "it has seconds of its own"
    assert "no right" in refused


async def test_a_slow_search_loses_no_server(
    directories: list[FakeDirectory], opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = directories
    for code in (3, 11):  # the limit of time, and an administrator's
        first.answers["search"] = [result("search", code, "too slow")]
        unready = await refusal(
            opened().find(EMAIL), f"stops a search, for want of an index perhaps: {code}"
        )
        assert unready.not_changed
    assert second.asked["search"] == 0
    assert own_messages(caplog) == []


async def test_references_to_other_servers_are_not_followed_and_the_next_is_asked(
    directories: list[FakeDirectory], opened: Opened
) -> None:
    first, second = directories
    reference = tlv(0x73, octets("ldap://attacker.test/dc=northwind,dc=test"))
    first.answers["search"] = [reference, entry(ADA), reference, result("search")]
    first.answers["extended"] = [result("extended", 10, "ldap://attacker.test")]
    store = opened()

    assert await store.find(EMAIL)
    assert await store.set_password(ACCOUNT, new_password())
    assert (first.asked["extended"], second.asked["extended"]) == (1, 1)


async def test_a_wait_for_one_of_few_connections_ends_as_well(
    directory: FakeDirectory, opened: Opened
) -> None:
    directory.answers["search"] = [HANG]
    store = opened(timeout=timedelta(seconds=9), longest_job=timedelta(seconds=0.2))

    calls = await asyncio.gather(*(store.find(EMAIL) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(one, AccountsUnready) and one.not_changed for one in calls)
    assert directory.asked["connection"] < len(calls)  # at least one call has only waited


async def test_a_wrong_password_of_the_service_account_is_tried_once_and_again_after_a_while(
    directories: list[FakeDirectory], opened: Opened
) -> None:
    first, second = directories
    first.answers["bind"] = [
        result("bind", 49, "80090308: LdapErr: DSID-0C0903A9, data 52e, v1db1")
    ]
    store, clock = opened(), MovableClock()
    with replaced(clock, None):
        await refusal(store.find(EMAIL), "refuses bind_dn and bind_password: 49")
        with pytest.raises(SettingsInvalid, match=r"accounts\.ldap\.bind_password"):
            await store.require_ready()
        # Each bind would bring the account nearer to its lockout, and a probe asks every few
        # seconds.
        assert (first.asked["bind"], second.asked["bind"]) == (1, 0)

        del first.answers["bind"]
        clock.move(timedelta(seconds=29))
        await refusal(store.find(EMAIL), "refuses bind_dn and bind_password: 49")
        clock.move(timedelta(seconds=2))
        assert await store.find(EMAIL)


async def test_without_start_tls_no_password_is_sent(
    directory: FakeDirectory, opened: Opened
) -> None:
    directory.answers["extended"] = [result("extended", 52, "TLS is not configured")]

    await refusal(opened(servers=(directory.by_name,)).find(EMAIL), "it refuses StartTLS")
    assert directory.asked["bind"] == 0


async def test_an_answer_from_before_tls_answers_nothing_within(
    directory: FakeDirectory, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attacker on the way answers the bind before TLS begins (CVE-2011-0411)."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    authority.issue_cert("localhost").configure_cert(directory.tls)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    injected = b"raw " + tlv(0x30, integer(2), result("bind"))
    directory.answers |= {
        "extended": [result("extended"), injected, TLS],
        "bind": [result("bind", 49, "no")],
    }

    await refusal(
        opened(servers=(directory.by_name,)).find(EMAIL), "refuses bind_dn and bind_password: 49"
    )


async def test_an_answer_that_fits_no_search_finds_nothing(
    directory: FakeDirectory, opened: Opened
) -> None:
    of_another_request = [b"raw " + tlv(0x30, integer(99), entry(ADA))]
    for answer, why in (
        (of_another_request, "an answer to another request"),
        ([entry(ADA)] * 10_001, "more than 10,000 entries"),
    ):
        directory.answers["search"] = answer
        await refusal(opened(servers=(directory.url,)).find(EMAIL), why)


DOMAIN = {
    "mail": [EMAIL],
    "objectGUID": ["0123456789abcdef"],
    "userAccountControl": ["512"],
    "minPwdLength": ["7"],
}
RESTRICTED = "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n"


async def test_windows_does_not_say_which_rule_is_broken_and_flags_that_cannot_be_read_disable(
    directory: FakeDirectory, opened: Opened
) -> None:
    """Samba answers otherwise."""
    directory.answers["search"] = [entry(DOMAIN), result("search")]
    directory.answers["modify"] = [result("modify", 53, RESTRICTED)]
    store, ada = opened(kind="active_directory"), "33323130-3534-3736-3839-616263646566"

    with pytest.raises(PasswordRejected) as rejected:
        await store.set_password(await of(store, ada), new_password("used before"))
    assert [one.rule for one in rejected.value.violations] == [
        "weak_length",
        "weak_characters",
        "history",
    ]
    directory.answers["search"] = [entry({**DOMAIN, "userAccountControl": []}), result("search")]
    assert not (await of(store, ada)).active
