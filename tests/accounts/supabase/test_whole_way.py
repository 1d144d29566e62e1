"""A service whose accounts are at Supabase Auth: a link, what Supabase refuses, and a password that signs in there."""

from contextlib import closing
from sqlite3 import connect
from typing import Any

import pytest
from sqlalchemy import text
from tests.accounts.supabase.project import NEW, OLD, Project
from tests.pages.school import Visitor, words
from tests.spec.service import ADA, GRACE, Service, problem, running, settings_for

from keyturn.cli.demo.supabase_server import Outage
from keyturn.settings import AccountSettings, Secret, SupabaseSettings, TableSettings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

STRONG = "eight loud harbours!"


@pytest.fixture
def service_options(project: Project) -> dict[str, Any]:
    return {"accounts": project.account_settings()}


async def test_what_supabase_refuses_is_told_and_the_link_works_still(project: Project, service: Service) -> None:
    server = project.server
    server.users.add(ADA, OLD, metadata={"locale": "de"})
    session = (await project.sign_in(ADA, OLD)).json()["refresh_token"]
    server.required_characters, server.pwned, server.min_length = ("!?",), frozenset({NEW}), 20
    token = await service.link()

    refused = await service.reset(token, NEW)

    assert problem(refused) == "422 password-rejected"
    assert [one["rule"] for one in refused.json()["violations"]] == ["weak_length", "weak_characters", "weak_pwned"]
    assert refused.json()["violations"][0]["message"] == "at least 20 characters"
    server.coming += [None, None, 429]
    assert problem(await service.reset(token, STRONG)) == "503 unavailable"
    assert await service.works(token)
    assert problem(await service.reset(token, STRONG)) == "200"
    assert (await project.sign_in(ADA, STRONG)).status_code == 200
    assert (await project.refresh(session)).status_code == 400
    assert problem(await service.reset(token, STRONG)) == "400 link-dead"


@pytest.mark.parametrize("lost", [Outage.LOST, Outage.BAD_GATEWAY], ids=str)
@pytest.mark.long
async def test_a_password_that_supabase_took_and_whose_answer_was_lost_is_confirmed_and_its_link_used(
    lost: Outage, project: Project, service: Service
) -> None:
    project.server.users.add(ADA, OLD)
    token = await service.link()
    project.server.coming += [None, None, lost]

    assert problem(await service.reset(token, STRONG)) == "504 outcome-unknown"
    assert (await project.sign_in(ADA, STRONG)).status_code == 200
    assert not await service.works(token)
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "password_changed")) == 1


@pytest.mark.parametrize("trouble", [500, Outage.PAGE, Outage.CUT], ids=str)
async def test_a_password_that_was_never_sent_to_supabase_leaves_the_link_alive(
    trouble: int | Outage, project: Project, service: Service
) -> None:
    project.server.users.add(ADA, OLD)
    token = await service.link()
    project.server.coming += [None, trouble]

    assert problem(await service.reset(token, STRONG)) == "503 unavailable"
    assert await service.works(token)


async def test_the_page_tells_what_supabase_refuses_in_the_language_of_who_reads(
    project: Project, service: Service
) -> None:
    project.server.users.add(ADA, OLD)
    project.server.required_characters, project.server.min_length = ("!?",), 20
    token = await service.link()

    async with service.anywhere(headers={"accept-language": "de"}) as client:
        visitor = Visitor(client)
        await visitor.get(f"/reset-password/{token}")
        page = await visitor.submit("/reset-password", email=ADA, password=NEW, again=NEW)
        saved = await visitor.submit("/reset-password", email=ADA, password=STRONG, again=STRONG)

    assert page.status_code == 422
    assert (
        "Noch nicht erfüllt: mindestens 20 Zeichen und mehr Arten von Zeichen, etwa Großbuchstaben, Ziffern und "
        "Sonderzeichen." in words(page)
    )
    assert saved.status_code == 303
    assert (await project.sign_in(ADA, STRONG)).status_code == 200


async def test_who_signs_in_with_google_is_told_so(project: Project, service: Service) -> None:
    project.server.users.add(GRACE, provider="google", providers=("google",))
    await service.ask(GRACE)
    await service.deliver()

    (mail,) = service.inbox.sent_to(GRACE, "sign_in_with_provider")
    assert "Google" in mail.text


async def test_people_of_a_table_have_their_passwords_there_and_their_flags_here(
    project: Project, database_url: str
) -> None:
    ada = project.server.users.add(ADA, OLD)
    with closing(connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as database:
        database.execute("CREATE TABLE profiles (id TEXT PRIMARY KEY, email TEXT, full_name TEXT, temporary BOOLEAN)")
        database.execute("INSERT INTO profiles VALUES (?, ?, 'Ada', true)", (ada.id, ADA))
    accounts = AccountSettings(
        store="supabase",
        table=TableSettings(table="profiles", name="full_name", set={"temporary": False}),
        supabase=SupabaseSettings(url=project.url, service_role_key=Secret(project.server.service_role_key)),
    )

    async with running(settings_for(database_url, accounts=accounts)) as service:
        token = await service.link()
        assert "Ada" in service.inbox.sent_to(ADA, "password_reset")[0].text
        assert problem(await service.reset(token, STRONG)) == "200"
        (row,) = await service.rows(text("SELECT temporary FROM profiles"))

    assert not row["temporary"]
    assert (await project.sign_in(ADA, STRONG)).status_code == 200
