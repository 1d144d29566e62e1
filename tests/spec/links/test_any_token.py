"""Any text as a token or a device's cookie gets an answer, and only our own works."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.driver.service import ADA, LOGIN, NEW_PASSWORD, NOBODY, RESET, VALIDATE, Service, Start, problem

LIMITED = "429 too-many-requests"
ONE_SERVICE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
"""One service answers all examples: that the live link of the first outlives them all is a part of what is shown."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
typed = st.one_of(
    st.text(max_size=100),
    st.text(_ALPHABET, min_size=43, max_size=43),
    st.text(_ALPHABET + "=+/ %.\x00", max_size=60),
)


def nearly(value: str) -> st.SearchStrategy[str]:
    """Return values that differ a little from a true one: a character changed, put in or left out."""
    places = st.integers(0, len(value) - 1)
    pieces = st.one_of(st.just(""), st.sampled_from([*_ALPHABET, "=", ".", " ", "\n", "\x00", "é", "\U0001f600"]))
    return st.builds(
        lambda place, piece, length: value[:place] + piece + value[place + length :], places, pieces, st.integers(0, 2)
    ).filter(lambda changed: changed != value)


@pytest.fixture
async def live(generous: Service) -> str:
    return await generous.link()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@ONE_SERVICE
@given(data=st.data())
async def test_no_token_but_the_link_s_own_is_taken(generous: Service, live: str, data: st.DataObject) -> None:
    token = data.draw(st.one_of(typed, nearly(live)))

    client = generous.anywhere()
    checked = await client.post(VALIDATE, json={"token": token})
    used = await client.post(RESET, json={"token": token, "newPassword": NEW_PASSWORD})

    assert problem(used) in {"400 link-dead", "400 invalid-input"}
    assert problem(checked) == "400 invalid-input" or not checked.json()["valid"]
    assert await generous.works(live)


async def guess(service: Service, device: str, email: str = ADA) -> str:
    """Send a wrong password from a browser with that cookie; return the answer."""
    cookie = {b"cookie": b"keyturn_device=" + device.encode("utf-8", "surrogatepass")}
    return problem(await service.anywhere(headers=cookie).post(LOGIN, json={"email": email, "password": "wrong"}))


@pytest.fixture
async def device(start: Start) -> tuple[Service, str]:
    """Return a service that refuses further guesses of strangers, and the cookie of Ada's device."""
    service = await start(limits={"account": "2/day", "login": "100000/minute"})
    browser = await service.sign_in()
    for email in (ADA, NOBODY):
        while await guess(service, "", email) != LIMITED:
            pass
    return service, browser.cookies["keyturn_device"]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@ONE_SERVICE
@given(data=st.data())
async def test_no_device_cookie_but_one_of_ours_and_for_its_address_is_known(
    device: tuple[Service, str], data: st.DataObject
) -> None:
    service, true = device
    other = data.draw(st.one_of(typed, nearly(true)).filter(lambda value: value.strip() != true))

    assert await guess(service, other) == LIMITED
    assert await guess(service, true, NOBODY) == LIMITED


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_a_device_cookie_of_ours_is_known_for_its_address(device: tuple[Service, str]) -> None:
    service, true = device
    assert await guess(service, true) == "401 credentials-rejected"


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@ONE_SERVICE
@given(email=st.text(max_size=60), password=st.text(max_size=100), device=st.text(_ALPHABET + ".", max_size=100))
async def test_a_sign_in_with_anything_is_rejected(generous: Service, email: str, password: str, device: str) -> None:
    client = generous.anywhere(cookies={"keyturn_device": device})
    answer = await client.post(LOGIN, json={"email": email, "password": password})
    assert problem(answer) in {"401 credentials-rejected", "400 invalid-input"}
