"""The pages of second addresses, as a signed-in owner and the reader of a new mailbox use them."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.spec.inbox import token_in
from tests.spec.service import ADA, PASSWORD, Service, Start

from keyturn.settings import LimitSettings, MuteSettings, SecondAddressSettings

HOME = "ada@home.test"
PAGE, FORGOT = "/security-settings/second-address", "/forgot-password"


@pytest.fixture
def service_options() -> dict[str, Any]:
    limits = LimitSettings(mailbox_cooldown=timedelta(0), mailbox_daily=100)
    return {"second_address": SecondAddressSettings(enabled=True, wait=timedelta(0)), "limits": limits}


async def form_token(client: httpx.AsyncClient, path: str) -> str:
    page = await client.get(path)
    return str(re.findall(r'name="_csrf_token" value="([^"]+)"', page.text)[0])


async def send(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    token = await form_token(client, path)
    return await client.post(path, data={"_csrf_token": token} | fields)


async def confirmed(service: Service) -> httpx.AsyncClient:
    """Add a second address as its owner does; return the browser that is signed in."""
    browser = await service.sign_in()
    sent = await send(browser, PAGE, wish="add", email=HOME, current=PASSWORD)
    assert (sent.status_code, sent.headers["location"]) == (303, "/security-settings")
    await service.deliver()
    reader = service.anywhere(follow_redirects=True)
    path = f"/confirm-second-address/{token_in(service.inbox.sent_to(HOME)[0])}"
    page = await reader.get(path)
    assert HOME in page.text
    token = re.findall(r'name="_csrf_token" value="([^"]+)"', page.text)[0]
    done = await reader.post("/confirm-second-address", data={"_csrf_token": token})
    assert "The second address is confirmed." in done.text
    await service.deliver()
    return browser


async def test_an_owner_adds_an_address_and_sees_it_masked(service: Service) -> None:
    browser = await confirmed(service)
    for path in ("/security-settings", PAGE):
        page = await browser.get(path)
        assert "a***@home.test" in page.text
        assert HOME not in page.text


async def test_until_the_link_is_opened_the_settings_say_so(service: Service) -> None:
    browser = await service.sign_in()
    await send(browser, PAGE, wish="add", email=HOME, current=PASSWORD)
    await service.deliver()
    page = await browser.get("/security-settings")
    assert "Open the link that we sent to a***@home.test." in page.text
    assert "If the new address can be used" in page.text


async def test_an_owner_removes_it_with_the_password(service: Service) -> None:
    browser = await confirmed(service)
    refused = await send(browser, PAGE, wish="remove", current="not my password")
    assert refused.status_code == 422
    assert "This is not your current password." in refused.text

    await send(browser, PAGE, wish="remove", current=PASSWORD)
    page = await browser.get("/security-settings")
    assert "Second address removed" in page.text
    assert "Add a second address" in page.text


@pytest.mark.parametrize(
    ("email", "said"),
    [
        (ADA, "This is already the address of your account."),
        ("ada@", "Enter a full email address"),
        ("", "Enter a full email address"),
    ],
)
async def test_what_is_no_second_address_is_said_under_the_field(service: Service, email: str, said: str) -> None:
    answer = await send(await service.sign_in(), PAGE, wish="add", email=email, current=PASSWORD)
    assert answer.status_code == 422
    assert said in answer.text


async def test_a_wrong_password_sends_no_mail(service: Service) -> None:
    answer = await send(await service.sign_in(), PAGE, wish="add", email=HOME, current="not my password")
    await service.deliver()
    assert answer.status_code == 422
    assert service.inbox.mails == []


async def test_reading_the_link_verifies_nothing(service: Service) -> None:
    browser = await service.sign_in()
    await send(browser, PAGE, wish="add", email=HOME, current=PASSWORD)
    await service.deliver()
    token = token_in(service.inbox.sent_to(HOME)[0])
    for _ in range(2):
        page = await service.anywhere(follow_redirects=True).get(f"/confirm-second-address/{token}")
        assert "Confirm the address" in page.text
    await service.deliver()
    assert service.inbox.sent_to(ADA) == []


async def test_who_is_signed_out_is_led_to_the_sign_in(service: Service) -> None:
    answer = await service.anywhere().get(PAGE)
    assert answer.status_code in {302, 303}
    assert "/login" in answer.headers["location"]


async def test_a_box_on_the_form_asks_for_the_link_at_the_second_address(service: Service) -> None:
    await confirmed(service)
    service.inbox.mails.clear()
    reader = service.anywhere(follow_redirects=True)
    sent = await send(reader, FORGOT, email=ADA, to="second")
    await service.deliver()

    assert "has a second address, a link is on its way there" in sent.text
    assert sorted(mail.to for mail in service.inbox.mails) == [HOME, ADA]
    again = re.findall(r'<input type="hidden" name="to" value="second">', sent.text)
    assert again


async def test_a_mistake_keeps_the_box_ticked(service: Service) -> None:
    answer = await send(service.anywhere(), FORGOT, email="ada@", to="second")
    assert re.search(r'name="to" value="second"[^>]* checked', answer.text)


async def test_without_the_setting_there_is_no_box_no_card_and_no_page(start: Start) -> None:
    service = await start()
    browser = await service.sign_in()
    assert 'name="to"' not in (await browser.get(FORGOT)).text
    assert "Second address" not in (await browser.get("/security-settings")).text
    assert (await browser.get(PAGE)).status_code == 404
    sent = await send(service.anywhere(follow_redirects=True), FORGOT, email=ADA, to="second")
    assert "second address" not in sent.text


async def test_the_form_for_a_link_says_which_address_to_enter(service: Service) -> None:
    page = await service.anywhere().get(FORGOT)
    assert "Enter your account’s own address, not the second one." in page.text


@pytest.mark.parametrize("is_second", [True, False])
async def test_only_the_own_mailbox_is_told_that_a_sign_in_ends_the_muting(start: Start, is_second: bool) -> None:
    mute = MuteSettings(url="{base_url}/stop-emails/{token}")
    service = await start(second_address=SecondAddressSettings(enabled=True), mute=mute)
    browser, reader = await service.sign_in(), service.anywhere(follow_redirects=True)
    if is_second:
        await send(browser, PAGE, wish="add", email=HOME, current=PASSWORD)
    else:
        await service.ask()
    await service.deliver()
    (mail,) = service.inbox.sent_to(HOME if is_second else ADA)
    (token,) = re.findall(r"/stop-emails/([\w-]{43})", mail.text)
    page = await reader.get(f"/stop-emails/{token}")
    form = re.findall(r'name="_csrf_token" value="([^"]+)"', page.text)[0]
    done = await reader.post("/stop-emails", data={"_csrf_token": form})
    assert "Password emails are stopped" in done.text
    assert ["Sign in to get them again." in text for text in (page.text, done.text)] == [not is_second] * 2
