"""What Supabase Auth refuses, what goes wrong on the way to it, and look-ups of a whole batch of
requests.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from tests.contracts.accounts.stores import new_password
from tests.contracts.accounts.supabase.conftest import ADA, NEW, OLD, Opened, Project
from tests.servers.serving import NOWHERE, Connections, serving, serving_here
from tests.servers.supabase import Answer, Outage, SupabaseServer

from keyturn.errors import Fault, SettingsInvalid
from keyturn.mail.languages.language import SourceTexts
from keyturn.service.accounts.port import Account
from keyturn.service.accounts.supabase.store import SupabaseAccounts
from keyturn.service.problems.passwords import PasswordRejected, rule_text
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import SecretStr, SupabaseSettings


@pytest.fixture
def ada(project: Project) -> Account:
    return Account(id=project.server.users.add(ADA, OLD).id, email=ADA)


@pytest.mark.parametrize("old", [False, True], ids=["newer", "older"])
@pytest.mark.parametrize(
    ("text", "violations"),
    [
        ("Short1!", [("weak_length", 10)]),
        ("only small letters", [("weak_characters", None)]),
        ("Password123!", [("weak_pwned", None)]),
        ("short", [("weak_length", 10), ("weak_characters", None)]),
        ("x" * 73, [("max_bytes", 72)]),
        ("🦊" * 19, [("max_bytes", 72)]),
    ],
)
async def test_a_password_that_it_refuses_is_rejected_with_every_reason(
    old: bool,
    text: str,
    violations: list[Any],
    project: Project,
    accounts: SupabaseAccounts,
    ada: Account,
) -> None:
    server = project.server
    server.old, server.min_length, server.pwned = old, 10, frozenset({"Password123!"})
    server.required_characters = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "!@#") if "!" not in text else ()

    with pytest.raises(PasswordRejected) as rejected:
        await accounts.set_password(ada, new_password(text))

    assert [(one.rule, one.limit) for one in rejected.value.violations] == violations
    assert all(rule_text(one.rule, one.limit, SourceTexts()) for one in rejected.value.violations)
    assert server.users.with_password(ADA, OLD)


@pytest.mark.parametrize(
    ("document", "rule", "told"),
    [
        (
            {"code": "weak_password", "weak_password": {"reasons": ["length"]}},
            "weak_length",
            "a longer pass",
        ),
        (
            {"code": 422, "msg": "No", "weak_password": {"reasons": ["new"]}},
            "weak",
            "a password that is hard",
        ),
        ({"code": "weak_password", "message": "No"}, "weak", "a password that is hard"),
    ],
)
async def test_a_reason_that_is_not_known_is_still_one(
    document: dict[str, object],
    rule: str,
    told: str,
    project: Project,
    accounts: SupabaseAccounts,
    ada: Account,
) -> None:
    project.server.coming += [None, Answer(422, document)]

    with pytest.raises(PasswordRejected) as rejected:
        await accounts.set_password(ada, new_password())

    (one,) = rejected.value.violations
    assert one.rule == rule
    assert rule_text(one.rule, one.limit, SourceTexts()).startswith(told)


@pytest.mark.parametrize(
    ("answers", "not_changed"),
    [([trouble], True) for trouble in (500, Outage.PAGE, Outage.CUT)]
    + [([None, trouble], False) for trouble in (Outage.LOST, Outage.BAD_GATEWAY, Outage.SILENT)],
    ids=str,
)
async def test_a_change_that_may_have_reached_supabase_is_never_a_certain_no(
    answers: list[int | Outage | None],
    not_changed: bool,
    project: Project,
    opened: Opened,
    ada: Account,
) -> None:
    project.server.coming += answers
    patience = (
        {"patience": timedelta(seconds=2)} if Outage.SILENT in answers else {}
    )  # the silence is the fault
    with pytest.raises(AccountsUnready) as unready:
        await opened(**patience).set_password(ada, new_password())

    assert unready.value.not_changed is not_changed
    with pytest.raises(AccountsUnready, match="ConnectError") as nobody:
        await opened(url=NOWHERE).find(ADA)
    assert nobody.value.not_changed
    assert project.server.users.with_password(ADA, OLD if not_changed else NEW)


@pytest.mark.parametrize("old", [False, True], ids=["newer", "older"])
@pytest.mark.parametrize(("key", "told"), [("anon-key", "403"), ("eyJ-of-another-project", "401")])
async def test_a_key_that_is_refused_is_the_operator_s_fault_and_is_not_logged(
    old: bool,
    key: str,
    told: str,
    project: Project,
    opened: Opened,
    ada: Account,
    caplog: pytest.LogCaptureFixture,
) -> None:
    project.server.old = old
    for unsendable in ("schlüssel", "key\nwith a line"):
        said = "contains characters that are not allowed in a key"
        with pytest.raises(SettingsInvalid) as invalid:
            await opened(service_role_key=SecretStr(unsendable)).require_ready()
        assert invalid.value.faults == (Fault("accounts.supabase.service_role_key", said),)
    accounts = opened(service_role_key=SecretStr(key))
    fault = rf"^accounts\.supabase\.service_role_key: is refused by {project.url}: {told}"
    with pytest.raises(SettingsInvalid, match=fault):
        await accounts.require_ready()

    caplog.set_level(logging.ERROR, "keyturn")
    for question in (
        accounts.find(ADA),
        accounts.get(ada.id),
        accounts.set_password(ada, new_password()),
    ):
        with pytest.raises(AccountsUnready, match="refuses the service-role key"):
            await question
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3
    assert "accounts.key_refused" in caplog.text
    assert key not in caplog.text


@pytest.mark.parametrize("path", ["", "/rest"])
async def test_an_address_at_which_another_answers_is_a_fault(
    path: str, project: Project, opened: Opened
) -> None:
    project.server.coming += [Outage.PAGE] if not path else []
    said = r"^accounts\.supabase\.url: http\S+ does not answer as Supabase Auth does"
    with pytest.raises(SettingsInvalid, match=said):
        await opened(url=project.url + path).require_ready()


async def test_its_client_is_closed_with_it_and_the_next_call_opens_another(
    project: Project,
) -> None:
    connections = Connections()
    with serving(project.server, connections) as url:
        key = SecretStr(project.server.service_role_key)
        accounts = SupabaseAccounts(SupabaseSettings(url=f"{url}/", service_role_key=key))
        await accounts.require_ready()
        await accounts.find(ADA)
        assert connections.opened == 1

        await accounts.close()
        await accounts.find(ADA)
        assert connections.opened == 2
        await accounts.close()


@pytest.mark.long
async def test_few_are_looked_up_at_a_time_and_a_look_up_through_many_slow_pages_ends() -> None:
    server, full, is_slow = SupabaseServer(), asyncio.Event(), False
    for number in range(1100):
        server.users.add(f"{number}{ADA}")
    running = most = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 8:
            full.set()
        await full.wait()
        await asyncio.sleep(1 if is_slow else 0)  # within the time-out of each
        await server(scope, receive, send)
        running -= 1

    async with serving_here(app) as url:
        settings = SupabaseSettings(url=url, service_role_key=SecretStr("service-role-key"))
        quick, impatient = (
            SupabaseAccounts(settings),
            SupabaseAccounts(settings, timedelta(seconds=4)),
        )
        found = await asyncio.gather(*(quick.find(f"7{ADA}") for _ in range(40)))
        assert {account.email for account in found if account} == {f"7{ADA}"}
        assert most == 8

        is_slow = True
        server.requests.clear()
        with pytest.raises(
            AccountsUnready, match=r"did not answer a look-up within 12 s"
        ) as unready:
            await impatient.find(ADA)
        assert unready.value.not_changed
        assert len(server.requests) < 20
        await quick.close()
        await impatient.close()
