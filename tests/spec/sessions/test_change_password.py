"""Changing a password that is still known."""

import pytest
from tests.driver.service import ADA, CHANGE, ME, NEW_PASSWORD, PASSWORD, Service, change, problem

pytestmark = pytest.mark.any_database


async def test_a_change_by_a_signed_in_user_ends_links_and_is_confirmed_once(service: Service) -> None:
    token, client = await service.link(), await service.sign_in()
    hashed = (await service.figures())["password_hash_seconds_count"]
    answer = await client.post(CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD})
    assert answer.status_code == 200
    assert answer.json().keys() == {"success", "message"}
    assert (await service.figures())["password_hash_seconds_count"] == hashed + 2, "the current one, and the new one"
    assert await service.knows(NEW_PASSWORD)
    assert not await service.knows(PASSWORD)
    assert await service.check(token) == {"valid": False, "reason": "invalid"}
    await service.deliver()
    sent = [(mail.to, mail.tags["template"]) for mail in service.inbox.mails]
    assert sent == [(ADA, "password_reset"), (ADA, "password_changed")]


async def test_every_other_session_ends_and_this_one_goes_on_under_a_new_cookie(service: Service) -> None:
    client, other = await service.sign_in(), await service.sign_in()
    before = client.cookies["keyturn_session"]
    assert await change(client) == "200"
    assert client.cookies["keyturn_session"] != before
    assert (await client.get(ME)).status_code == 200
    for ended in (other, service.anywhere(cookies={"keyturn_session": before})):
        assert problem(await ended.get(ME)) == "401 not-signed-in"


async def test_the_current_password_must_be_right_and_a_session_be_there(service: Service) -> None:
    client = await service.sign_in()
    wrong = {"currentPassword": "not the password", "newPassword": NEW_PASSWORD}
    answer = await client.post(CHANGE, json=wrong)
    assert problem(answer) == "401 credentials-rejected"
    assert "set-cookie" not in answer.headers
    assert (await client.get(ME)).status_code == 200
    assert await service.knows(PASSWORD)
    await service.deliver()
    assert service.inbox.mails == []
    assert await change(service.anywhere()) == "401 not-signed-in"
