"""Signing in and out of a session of the server, where no answer tells of accounts, and changing a
known password.
"""

from http.cookies import Morsel, SimpleCookie

import httpx2
import pytest
from tests.driver.service import (
    ADA,
    CHANGE,
    DAN,
    GRACE,
    LOGIN,
    LOGOUT,
    ME,
    NEW_PASSWORD,
    NOBODY,
    PASSWORD,
    Service,
    Start,
    change,
    problem,
)

pytestmark = pytest.mark.any_database

COOKIE = "keyturn_session"
FOREIGN = [
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8000.evil.test"},
    {"Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8000"},
]
OWN = [
    {"Origin": "http://127.0.0.1:8000"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {},
]


async def test_signing_in_says_who_it_is(service: Service) -> None:
    client = service.anywhere()
    answer = await client.post(LOGIN, json={"email": ADA.upper(), "password": PASSWORD})
    assert answer.status_code == 200
    who = answer.json()
    assert (who["email"], who["name"], who["kind"]) == (ADA, "Ada", "viewer")
    assert (await client.get(ME)).json() == who
    assert not {"passwordHash", "password"} & who.keys()


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "https://account.northwind.test"])
async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_is_of_this_host_alone(
    start: Start, base_url: str
) -> None:
    is_secure = base_url.startswith("https:")
    service = await start(base_url=base_url)
    client = service.anywhere()
    morsel = cookie_in(await client.post(LOGIN, json={"email": ADA, "password": PASSWORD}))
    assert morsel.key == ("__Host-" if is_secure else "") + COOKIE
    assert (morsel["httponly"], morsel["samesite"].lower(), morsel["path"]) == (True, "lax", "/")
    assert (morsel["domain"], bool(morsel["secure"])) == ("", is_secure)
    assert (morsel["max-age"], len(morsel.value)) == (str(12 * 3600), 43)
    assert (await client.get(ME)).status_code == 200
    if is_secure:
        plain = service.anywhere(cookies={COOKIE: morsel.value})
        assert problem(await plain.get(ME)) == "401 not-signed-in"


async def test_every_sign_in_gets_a_session_of_its_own_and_no_other_cookie_is_one(
    service: Service,
) -> None:
    planted = "chosen-by-somebody-else"
    client = service.anywhere(cookies={COOKIE: planted})
    first = cookie_in(await client.post(LOGIN, json={"email": ADA, "password": PASSWORD})).value
    second = cookie_in(await client.post(LOGIN, json={"email": ADA, "password": PASSWORD})).value
    assert len({first, second, planted}) == 3
    others = [{COOKIE: value} for value in (planted, "", "x" * 43, '"')]
    for cookies in ({}, *others, {"__Host-keyturn_session": "x"}):
        answer = await service.anywhere().get(
            ME, headers={"Cookie": "; ".join(map("=".join, cookies.items()))}
        )
        assert problem(answer) == "401 not-signed-in"
        assert answer.headers["www-authenticate"] == "Session"


async def test_signing_out_ends_the_session_on_the_server(service: Service) -> None:
    client, other = await service.sign_in(), await service.sign_in()
    stolen = service.anywhere(cookies={COOKIE: client.cookies[COOKIE]})
    answer = await client.post(LOGOUT)
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert cookie_in(answer)["max-age"] == "0"
    assert problem(await stolen.get(ME)) == "401 not-signed-in"
    assert (await other.get(ME)).status_code == 200
    for cookies in ({}, {COOKIE: "x"}):
        assert (await service.anywhere(cookies=cookies).post(LOGOUT)).status_code == 200, (
            "it is no fault"
        )


async def test_a_session_ends_with_the_account_and_at_a_fixed_time_however_busy_it_was(
    service: Service,
) -> None:
    client = await service.sign_in()
    await service.add("zoe@northwind.test")
    zoe = await service.sign_in("zoe@northwind.test")
    await service.change_account("zoe@northwind.test", active=False)
    assert problem(await zoe.get(ME)) == "401 not-signed-in"
    for minutes in (360, 359):
        service.let_time_pass(minutes=minutes)
        assert (await client.get(ME)).status_code == 200
    service.let_time_pass(minutes=1)
    assert problem(await client.get(ME)) == "401 not-signed-in"


async def test_whatever_is_wrong_the_answer_is_the_same_and_costs_a_hash(service: Service) -> None:
    await service.add("odd@northwind.test", password_hash="pbkdf2_sha256$1000$salt$hash")
    answers = {}
    wrong = [
        (ADA, one) for one in ("not the password", "x" * 73, PASSWORD + "\0", PASSWORD.upper())
    ]
    others = (NOBODY, GRACE, DAN, "odd@northwind.test", "no address")
    for number, (email, password) in enumerate(
        [*wrong, *((other, PASSWORD) for other in others)], 1
    ):
        answer = await service.anywhere().post(LOGIN, json={"email": email, "password": password})
        hashes = (await service.figures())["password_hash_seconds_count"]
        assert hashes == number - (email == "no address"), (email, password)
        answers[email, password] = (problem(answer), answer.headers.multi_items(), answer.content)
    assert answers == dict.fromkeys(answers, answers[NOBODY, PASSWORD])
    assert answers[NOBODY, PASSWORD][0] == "401 credentials-rejected"


@pytest.mark.long
async def test_a_request_that_another_site_causes_is_refused_and_the_site_s_own_answered(
    service: Service,
) -> None:
    client = await service.sign_in()
    new = {"currentPassword": PASSWORD, "newPassword": "eleven loud lighthouses"}
    for own in OWN:
        answer = await service.anywhere().post(
            LOGIN, json={"email": ADA, "password": PASSWORD}, headers=own
        )
        assert answer.status_code == 200, own
    for foreign in FOREIGN:
        for route, body in [
            (LOGIN, {"email": ADA, "password": PASSWORD}),
            (LOGOUT, {}),
            (CHANGE, new),
        ]:
            answer = await client.post(route, json=body, headers=foreign)
            assert problem(answer) == "403 origin-refused", foreign
            assert "set-cookie" not in answer.headers
    assert (await client.get(ME)).status_code == 200
    assert await service.knows(PASSWORD)


async def test_a_change_by_a_signed_in_user_ends_links_and_is_confirmed_once(
    service: Service,
) -> None:
    token, client = await service.link(), await service.sign_in()
    hashed = (await service.figures())["password_hash_seconds_count"]
    answer = await client.post(
        CHANGE, json={"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
    )
    assert answer.status_code == 200
    assert answer.json().keys() == {"success", "message"}
    assert (await service.figures())["password_hash_seconds_count"] == hashed + 2, (
        "the current one, and the new one"
    )
    assert await service.knows(NEW_PASSWORD)
    assert not await service.knows(PASSWORD)
    assert await service.check(token) == {"valid": False, "reason": "invalid"}
    await service.deliver()
    sent = [(mail.to, mail.tags["template"]) for mail in service.inbox.mails]
    assert sent == [(ADA, "password_reset"), (ADA, "password_changed")]


@pytest.mark.parametrize(("base_url", "prefixes"), [
    ("http://127.0.0.1:8000", ("",)), ("https://account.northwind.test", ("__Secure-", "")),
])  # fmt: skip
async def test_planted_cookies(start: Start, base_url: str, prefixes: tuple[str, ...]) -> None:
    """Cookies that another host of the domain planted do not push out the session's own."""
    service = await start(base_url=base_url)
    client = service.anywhere()
    morsel = cookie_in(await client.post(LOGIN, json={"email": ADA, "password": PASSWORD}))
    planted = [
        f"{prefix}keyturn_{name}=1" for prefix in prefixes for name in ("x", "flash", "link") * 8
    ]
    sent = "; ".join([*planted, f"{morsel.key}={morsel.value}"])

    answer = await service.anywhere().get(ME, headers={"Cookie": sent})
    assert answer.status_code == 200


async def test_every_other_session_ends_and_this_one_goes_on_under_a_new_cookie(
    service: Service,
) -> None:
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


def cookie_in(answer: httpx2.Response) -> "Morsel[str]":
    header, *_ = answer.headers.get_list("set-cookie")
    (morsel,) = SimpleCookie(header).values()
    return morsel
