"""A service whose accounts are in a directory: a link, and the directory's rules."""

from typing import Any

import pytest
from tests.accounts.ldap.people import FIRST, SECOND, THIRD, OpenLdapStaff
from tests.driver.service import ADA, Service, problem
from tests.driver.visitor import Visitor, words

from keyturn.service.settings import AccountSettings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
def service_options(school: OpenLdapStaff) -> dict[str, Any]:
    return {
        "accounts": AccountSettings(store="ldap", ldap=school.settings),
        "sign_in_url": "{base_url}/login",
    }


@pytest.fixture
def policy(school: OpenLdapStaff) -> str:
    dn = f"cn=policy,{school.base}"
    rules = {"pwdMinLength": "12", "pwdInHistory": "3", "pwdCheckQuality": "2", "pwdAttribute": "userPassword"}
    school.server.add(dn, {"objectClass": ["device", "pwdPolicy"], **rules})
    return dn


async def test_what_the_directory_refuses_is_told_and_the_link_works_still(
    school: OpenLdapStaff, service: Service, policy: str
) -> None:
    ada = school.add_now(ADA, FIRST, pwdPolicySubentry=policy, preferredLanguage="de")
    token = await service.link()

    refused = await service.reset(token, FIRST)
    assert problem(refused) == "422 password-rejected"
    assert refused.json()["violations"] == [{"rule": "history", "message": "not one of your previous passwords"}]
    async with service.anywhere(headers={"accept-language": "de"}) as client:
        visitor = Visitor(client)
        await visitor.get(f"/reset-password/{token}")
        page = await visitor.submit("/reset-password", email=ADA, password=FIRST, again=FIRST)
    assert "Noch nicht erfüllt: keines Ihrer früheren Passwörter." in words(page)

    assert problem(await service.reset(token, SECOND)) == "200"
    assert await school.verifies(ada, SECOND)
    assert problem(await service.reset(token, THIRD)) == "400 link-dead"
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "password_changed")
    assert "alle Geräte" not in mail.text, "a directory does not know the sessions of its apps"
