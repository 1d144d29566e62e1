"""A service whose accounts are at Supabase Auth: a link, what Supabase refuses, and a password that signs in there."""

from typing import Any

import pytest
from tests.accounts.supabase.project import OLD, Project
from tests.driver.service import ADA, Service, problem
from tests.driver.supabase_server import Outage

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

STRONG = "eight loud harbours!"


@pytest.fixture
def service_options(project: Project) -> dict[str, Any]:
    return {"accounts": project.account_settings()}


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
