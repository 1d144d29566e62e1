"""Any header or cookie gets an answer, and never a 500."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.driver.service import NOBODY, REQUEST, Service, Start
from tests.servers.databases import ON_SQLITE

pytestmark = ON_SQLITE

ONE_SERVICE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
"""One service answers all examples: that nothing is left behind by the last is a part of what is
shown.
"""

_BYTES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=100).map(str.encode),
    st.lists(
        st.sampled_from([
            b"keyturn_asked", b"keyturn_link", b"keyturn_language", b"keyturn_session",
            b"keyturn_flash", b"keyturn_form", b"keyturn_device", b"keyturn_proof", b"=", b";",
            b" ", b'"', b"\\", b"%", b"%41", b"%ff", b"1", b"9" * 40, b"-1", b":", b"a@x.test",
            b",", b"\xcc\xa3", b"__Secure-", b"de", b"password_changed", b"a" * 43, b"10.0.0.1",
            b"::1", b"[", b"]", b"for", b"00-", b"q=0.5",
        ]),
        max_size=30,
    ).map(b"".join),
)  # fmt: skip
values = _BYTES.map(lambda value: bytes(byte for byte in value if byte not in b"\r\n\x00"))
"""What a server for HTTP lets through (RFC 9110, 5.5)."""

names = st.sampled_from([
    b"cookie", b"x-forwarded-for", b"x-forwarded-proto", b"host", b"accept", b"accept-language",
    b"user-agent", b"origin", b"sec-fetch-site", b"traceparent", b"tracestate", b"content-type",
    b"authorization", b"x-request-id", b"referer", b"hx-request", b"forwarded",
])  # fmt: skip
headers = st.lists(st.tuples(names, values), max_size=5)


@pytest.fixture
async def generous(start: Start) -> Service:
    """Start a service whose limits are in no example's way, behind a proxy that passes anything
    on.
    """
    rate = "100000/minute"
    limits = {"request": rate, "client": rate, "login": rate, "overall": rate}
    return await start(limits=limits, server={"trusted_proxies": ("10.0.0.0/8",)})


@ONE_SERVICE
@given(
    headers=headers,
    path=st.sampled_from(["/forgot-password", "/reset-password", "/login", "/api/auth/me", "/x"]),
)
async def test_every_page_answers_any_header(
    generous: Service, headers: list[tuple[bytes, bytes]], path: str
) -> None:
    answer = await generous.at("10.1.2.3").get(path, headers=headers)
    assert answer.status_code < 500, answer.text
    assert not any("\r" in value or "\n" in value for value in answer.headers.values())


@ONE_SERVICE
@given(headers=headers)
@pytest.mark.long
async def test_a_request_is_taken_whole_or_refused(
    generous: Service, headers: list[tuple[bytes, bytes]]
) -> None:
    before = len(await generous.messages())
    answer = await generous.at("10.1.2.3").post(REQUEST, json={"email": NOBODY}, headers=headers)
    assert answer.status_code in {202, 400, 403, 415}, answer.text
    assert len(await generous.messages()) - before == (answer.status_code == 202)
    await generous.deliver()
    assert {message.state for message in await generous.messages()} <= {"dropped"}
