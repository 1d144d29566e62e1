"""Asking for a link: the answer is the same for everybody, and what is no address is refused."""

import json

from tests.driver.service import ADA, DAN, GRACE, NOBODY, REQUEST, Service, problem
from tests.driver.statements import statements_sent

from keyturn import SendRefused, SendRetryable

NO_ADDRESSES = (
    *(
        "{}",
        '{"mail": "ada@northwind.test"}',
        '{"email": null}',
        '{"email": 1}',
        '{"email": true}',
        '{"email": ""}',
    ),
    *(
        '{"email": ["ada@northwind.test"]}',
        '{"email": {"0": "ada@northwind.test"}}',
        '{"email": "   "}',
    ),
    '{"email": "ada@northwind.test", "email": "eve@evil.test"}',
    '{"email": "ada@northwind.test", "\\u0065mail": "eve@evil.test"}',
    '{"email": "ada@northwind.test,eve@evil.test"}',
    '{"email": "ada@northwind.test;eve@evil.test"}',
    '{"email": "ada@northwind.test eve@evil.test"}',
    '{"email": "ada@northwind.test%0d%0acc:eve@evil.test"}',
    '{"email": "Ada <ada@northwind.test>"}',
    '{"email": "ada@northwind.test\\r\\nBcc: eve@evil.test"}',
    *('{"email": "ada\\n@northwind.test"}', '{"email": "ada@northwind.test\\u2028"}'),
    *('{"email": "ada@northwind.test\\u0000"}', '{"email": "ada\\u0000@northwind.test"}'),
    *(
        '{"email": "ada\\u202e@northwind.test"}',
        '{"email": "\u212aim@northwind.test"}',
    ),  # right to left, Kelvin
    json.dumps({"email": "a" * 10_000 + "@northwind.test"}),
    json.dumps({"email": "ada@" + ".".join(["b" * 61] * 4) + ".org"}),  # 255 bytes
    *('{"email": "ada.northwind.test"}', '{"email": "ada@"}', '{"email": "@northwind.test"}'),
    '{"email": "ada l@northwind.test"}',
)

NO_OBJECTS = (
    *(
        b"",
        b"email=ada@northwind.test",
        b'{"email": "ada@northwind.test"',
        b'{"email": "ada@northwind.test"} x',
    ),
    *(b'["ada@northwind.test"]', b"null", b'"ada@northwind.test"', b"1"),
    b'{"email": "\\ud800@northwind.test"}',  # half a surrogate pair
    b'{"email": "\xff@northwind.test"}',  # no UTF-8
    '{"email": "ada@northwind.test"}'.encode("utf-16"),
    b'\xef\xbb\xbf{"email": "ada@northwind.test"}',
    b'{"email": ' + b"[" * 8000,
    b'{"email": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"email": "ada@northwind.test", "x": ' + b'{"x":' * 2000 + b"1" + b"}" * 2001,
)

LOOK_ALIKES = {
    "mike@northwind.test": "m\u0131ke@northwind.test",  # dotless i
    "simon@northwind.test": "\u017fimon@northwind.test",  # long s
    "max@northwind.test": "\uff4dax@northwind.test",  # full width
    "zoe@northwind.test": "zo\u0435@northwind.test",  # Cyrillic
    "ada@northwind.test": "ada@northw\u0131nd.test",
}


async def test_every_well_formed_address_gets_the_same_answer_by_the_same_statements(
    service: Service,
) -> None:
    await service.add("cooling@northwind.test")
    await service.link("cooling@northwind.test")
    answers, work = {}, {}
    for email in (ADA, NOBODY, DAN, GRACE, "cooling@northwind.test"):
        client = service.anywhere()
        with statements_sent() as statements:
            answer = await client.post(REQUEST, json={"email": email})
        answers[email] = (answer.status_code, answer.headers.multi_items(), answer.content)
        work[email] = statements
    assert answers == dict.fromkeys(answers, answers[NOBODY])
    status, _, body = answers[NOBODY]
    assert status == 202
    assert json.loads(body).keys() == {"success", "message"}
    assert json.loads(body)["success"] is True
    assert work == dict.fromkeys(work, work[NOBODY])
    assert any("INSERT INTO keyturn_outbox" in statement for statement in work[NOBODY])
    assert not any("keyturn_accounts" in statement for statement in work[NOBODY])


async def test_a_provider_that_is_down_or_refuses_does_not_show(service: Service) -> None:
    service.inbox.failures.extend([SendRetryable("503"), SendRefused("422")])
    answers = []
    for email in (ADA, NOBODY, GRACE, ADA, NOBODY, GRACE):
        answer = await service.anywhere().post(REQUEST, json={"email": email})
        answers.append((answer.status_code, answer.headers.multi_items(), answer.content))
        await service.deliver()
    assert not service.inbox.failures
    assert answers == [answers[1]] * 6
    assert answers[1][0] == 202


async def test_a_bad_address_is_refused_by_its_field_and_so_is_a_body_other_than_an_object(
    service: Service,
) -> None:
    for field, bodies in (
        ("email", [body.encode() for body in NO_ADDRESSES]),
        ("body", NO_OBJECTS),
    ):
        for body in bodies:
            answer = await service.anywhere().post(
                REQUEST, content=body, headers={"Content-Type": "application/json"}
            )
            assert problem(answer) == "400 invalid-input", body
            assert [error["field"] for error in answer.json()["errors"]] == [field], body
    assert await service.messages() == []


async def test_a_form_of_another_site_is_refused(service: Service) -> None:
    body = json.dumps({"email": ADA})
    for kind in (
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
    ):
        answer = await service.anywhere().post(
            REQUEST, content=body, headers={"Content-Type": kind}
        )
        assert problem(answer) == "415 unsupported-media-type"
    assert await service.messages() == []


async def test_a_look_alike_is_another_account(service: Service) -> None:
    """CVE-2019-19844."""
    for stored, look_alike in LOOK_ALIKES.items():
        if stored != ADA:
            await service.add(stored)
        await service.ask(look_alike)
    await service.deliver()
    assert service.inbox.mails == []


async def test_both_spellings_of_a_domain_are_one_and_the_mail_goes_to_the_stored_one(
    service: Service,
) -> None:
    await service.add("zoe@b\u00fccher.test")
    for spelling in ("zoe@b\u00fccher.test", "zoe@xn--bcher-kva.test", "zoe@bu\u0308cher.test"):
        await service.ask(spelling)
    await service.deliver()
    assert [mail.to for mail in service.inbox.mails] == ["zoe@xn--bcher-kva.test"]
