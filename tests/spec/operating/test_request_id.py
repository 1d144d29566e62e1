"""A request's id: in its logs, its audit entry, its mail, and the answers that users report."""

from tests.driver.database import lose_outbox
from tests.driver.logs import logging_as_json
from tests.driver.service import ADA, LOGIN, NOBODY, REQUEST, Service


async def test_audit_entry_mail_and_the_worker_s_log_have_the_same_name(service: Service) -> None:
    with logging_as_json() as lines:
        await service.link()
    (entry,) = await service.trail()
    (mail,) = service.inbox.mails
    (sent,) = [line for line in lines if line["event"] == "mail.sent"]
    assert len(entry.request_id) == 32
    assert (
        entry.request_id
        == mail.headers["X-Request-ID"]
        == mail.tags["request_id"]
        == sent["request_id"]
    )


async def test_every_request_has_a_name_of_its_own_that_no_answer_tells_without_a_failure(
    service: Service,
) -> None:
    for _ in range(3):
        answer = await service.anywhere().post(
            LOGIN, json={"email": NOBODY, "password": "x"}, headers={"X-Request-ID": "theirs"}
        )
        assert answer.status_code == 401
    found = {entry.request_id for entry in await service.trail()}
    assert (len(found), "theirs" in found) == (3, False)
    for route, body in (
        (REQUEST, {"email": ADA}),
        (REQUEST, {"email": 7}),
        (LOGIN, {"email": ADA, "password": "x"}),
    ):
        answer = await service.anywhere().post(route, json=body)
        assert answer.status_code < 500
        assert "x-request-id" not in answer.headers
        assert "instance" not in answer.json()


async def test_a_failure_names_its_request(service: Service) -> None:
    await lose_outbox(service)
    answer = await service.anywhere().post(REQUEST, json={"email": ADA})
    assert answer.status_code == 503
    name = answer.headers["x-request-id"]
    assert len(name) == 32
    assert answer.json()["instance"] == f"urn:keyturn:request:{name}"
