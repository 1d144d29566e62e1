"""A second step: where an account has a second factor, control of its mailbox alone sets no
password.
"""

import asyncio
import base64
import os
from typing import Any

import pytest
from tests.driver.second_factors import BUILTIN, SEED, STEP, code_of, enrol, reset_with, wrong_code
from tests.driver.service import (
    ADA,
    FREE,
    NEW_PASSWORD,
    PASSWORD,
    REQUEST,
    RESET,
    Service,
    Start,
    problem,
)

pytestmark = pytest.mark.any_database


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"second_step": BUILTIN, "limits": FREE, "prepare": enrol}


async def test_a_link_alone_is_told_the_methods_and_with_a_code_the_same_call_succeeds(
    service: Service,
) -> None:
    token, code = await service.link(), code_of()
    answers = [await reset_with(service, token, password=one) for one in (PASSWORD, NEW_PASSWORD)]
    for answer in answers:
        assert problem(answer) == "401 second-step-required"
        assert answer.headers["www-authenticate"] == "SecondStep"
        assert (answer.json()["methods"], answer.json()["sent"]) == (
            [{"method": "totp", "hint": ""}],
            None,
        )
    assert answers[0].content == answers[1].content, "it tells nothing of the current password"
    assert await service.works(token)
    assert await service.knows(PASSWORD)
    assert (
        problem(await reset_with(service, token, "totp", code, "password"))
        == "422 password-rejected"
    )
    assert (await reset_with(service, token, "totp", f"{code[:3]} {code[3:]}")).status_code == 200
    assert await service.knows(NEW_PASSWORD)
    assert await service.outcomes("second_step") == ["passed_totp"]


async def test_without_a_factor_or_this_setting_no_code_is_looked_at(
    service: Service, start: Start
) -> None:
    zoe = await service.add("zoe@northwind.test")
    for one in (service, await start()):
        answer = await reset_with(
            one, await one.link(zoe.email), "totp", "000000", f"{PASSWORD} {id(one)}"
        )
        assert answer.status_code == 200


async def test_a_malformed_code_is_never_taken(service: Service) -> None:
    for codes in (("12345", "1234567", "abcdef"), ("٤٩٢٠٣٩", "1" * 64, "\0" * 6)):
        token = await service.link()
        for code in codes:
            answer = problem(await reset_with(service, token, "totp", code))
            assert answer in {"401 second-step-rejected", "400 link-dead"}, (
                "the fifth ends its link"
            )
    token = await service.link()
    for code in ("", "   "):
        assert problem(await reset_with(service, token, "totp", code)) == "401 second-step-required"
    assert await service.knows(PASSWORD)


async def test_a_malformed_answer_and_a_method_that_the_account_lacks_cost_no_try(
    service: Service,
) -> None:
    token = await service.link()
    unclear: list[Any] = ["totp", {}, {"code": "123456"}, {"method": "other"}, {"method": ["totp"]}]
    for step in (
        *unclear,
        {"method": "totp", "code": "1" * 65},
        {"method": "totp", "code": 123456},
    ):
        fields = {"token": token, "newPassword": NEW_PASSWORD, "secondStep": step}
        assert problem(await service.anywhere().post(RESET, json=fields)) == "400 invalid-input"
    for method in ("sms", "recovery_code"):
        assert (
            problem(await reset_with(service, token, method, "123456"))
            == "401 second-step-required"
        )
    assert (await reset_with(service, token, "totp", wrong_code())).json()["triesLeft"] == 4


async def test_a_link_lives_through_four_wrong_codes_dies_of_the_fifth_and_its_owner_is_told(
    service: Service,
) -> None:
    token = await service.link()
    for left in (4, 3, 2, 1):
        answer = await reset_with(service, token, "totp", wrong_code())
        assert (problem(answer), answer.json()["triesLeft"]) == ("401 second-step-rejected", left)
    for code, reason in ((wrong_code(), "second_step"), (code_of(), "invalid")):
        answer = await reset_with(service, token, "totp", code)
        assert (problem(answer), answer.json()["reason"]) == ("400 link-dead", reason)
    await service.deliver()
    (mail,) = service.inbox.sent_to(ADA, "second_step_failed")
    assert "no longer works" in " ".join(mail.text.split())
    assert await service.knows(PASSWORD)
    assert await service.outcomes("second_step") == ["rejected"] * 5 + ["failed"]
    assert (await reset_with(service, await service.link(), "totp", code_of())).status_code == 200


async def test_an_owner_is_told_of_every_fifth_wrong_code_however_few_come_with_each_link(
    service: Service,
) -> None:
    links = [await service.link() for _ in range(10)]
    left = [
        (await reset_with(service, link, "totp", wrong_code())).json().get("triesLeft", 0)
        for link in links
    ]
    assert left == [4, 3, 2, 1, 0] * 2
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "second_step_failed")) == 2
    assert [await service.works(link) for link in links] == ([True] * 4 + [False]) * 2
    assert (await reset_with(service, links[0], "totp", code_of())).status_code == 200


async def test_after_a_later_code_an_earlier_one_is_refused(service: Service) -> None:
    later, earlier = code_of(later=STEP), code_of(later=-STEP)
    assert (await reset_with(service, await service.link(), "totp", later)).status_code == 200
    answer = await reset_with(
        service, await service.link(), "totp", earlier, "a third password, please"
    )
    assert problem(answer) == "401 second-step-rejected"


@pytest.mark.long
async def test_of_fifty_wrong_codes_at_once_five_are_looked_at_and_one_mail_goes_out(
    service: Service,
) -> None:
    token = await service.link()
    answers = await asyncio.gather(
        *(reset_with(service, token, "totp", wrong_code()) for _ in range(50))
    )
    assert (await service.outcomes("second_step")).count("rejected") == 5, (
        "each code that is looked at leaves an entry"
    )
    assert {problem(answer) for answer in answers} <= {"401 second-step-rejected", "400 link-dead"}
    assert not await service.works(token)
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "second_step_failed")) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "links", "uses"), [("recovery_code", 1, 8), ("recovery_code", 5, 10), ("totp", 5, 1)]
)
async def test_of_many_with_one_right_code_at_once_one_succeeds_whatever_their_links(
    service: Service, method: str, links: int, uses: int
) -> None:
    code = code_of() if method == "totp" else (await service.operator.renew_recovery_codes(ADA))[0]
    tokens = [await service.link() for _ in range(links)] * uses
    answers = await asyncio.gather(*(reset_with(service, token, method, code) for token in tokens))
    assert sum(answer.is_success for answer in answers) == 1
    await service.deliver()
    if links == 1:
        assert not service.inbox.sent_to(ADA, "second_step_failed")
        assert "failed" not in await service.outcomes("second_step")


async def test_new_links_give_no_more_tries_than_an_account_has_in_a_day_or_until_a_right_code(
    service: Service,
) -> None:
    for _ in range(4):
        link = await service.link()
        tries = [await reset_with(service, link, "totp", wrong_code()) for _ in range(5)]
        assert [problem(one) for one in tries] == ["401 second-step-rejected"] * 4 + [
            "400 link-dead"
        ]
    await service.deliver()
    assert len(service.inbox.sent_to(ADA, "second_step_failed")) == 4
    token = await service.link()
    limited = await reset_with(service, token, "totp", code_of())
    assert problem(limited) == "429 too-many-requests"
    assert 4_000 < limited.json()["retryAfter"] <= 4_320, "a twentieth of a day"
    assert await service.works(token)
    service.let_time_pass(seconds=limited.json()["retryAfter"])
    assert (await reset_with(service, await service.link(), "totp", code_of())).status_code == 200
    token = await service.link()
    for _ in range(2):  # had the count gone on, the second would be too many
        answer = await reset_with(service, token, "totp", wrong_code(), "a third password, please")
        assert problem(answer) == "401 second-step-rejected"


async def test_a_factor_whose_key_is_lost_or_that_cannot_send_is_one_as_well(
    service: Service, start: Start
) -> None:
    zoe = await service.add("zoe@northwind.test")
    await service.operator.set_phone(zoe.email, "+447700900123")
    other = await start(
        second_step=BUILTIN, secret_key="another key of 32 characters....", limits=FREE
    )
    for answer in (
        await reset_with(other, await other.link(), "totp", code_of()),
        await reset_with(service, await service.link(zoe.email)),
    ):
        assert problem(answer) == "401 second-step-required"
        assert answer.json()["methods"] == [{"method": "other", "hint": ""}]


async def test_only_a_live_link_shows_whether_there_is_a_factor(service: Service) -> None:
    await service.add("zoe@northwind.test")
    used = await service.link()
    assert (await reset_with(service, used, "totp", code_of())).status_code == 200
    await service.deliver()
    token = await service.link()
    client = service.anywhere()
    asked = [
        await client.post(REQUEST, json={"email": email}) for email in (ADA, "zoe@northwind.test")
    ]
    assert asked[0].content == asked[1].content
    for dead in (used, "x" * 43):
        for answer in (
            await reset_with(service, dead),
            await reset_with(service, dead, "totp", "123456"),
        ):
            assert problem(answer) == "400 link-dead"
    assert (await service.check(token)).keys() == {"awaitsPassword", "email", "expiresAt", "valid"}
    answer = await reset_with(service, token, email="zoe@northwind.test")
    assert problem(answer) == "400 link-dead"


async def test_the_database_holds_no_seed_and_no_code(service: Service) -> None:
    codes = await service.operator.renew_recovery_codes(ADA)
    stored = [value for _, value in await service.dump()]
    for secret in (SEED, base64.b32encode(SEED), *(code.encode() for code in codes)):
        assert not any(
            form in value for value in stored for form in (secret, secret.replace(b"-", b""))
        )
    for method, code in (("recovery_code", codes[0]), ("totp", code_of())):
        answer = await reset_with(
            service, await service.link(), method, code, f"{code} loud lighthouses"
        )
        assert problem(answer) == "200", "it knows them all the same"


# Recovery codes, which stand in for a second factor


async def test_a_recovery_code_stands_in_once_however_it_is_typed(service: Service) -> None:
    codes = await service.operator.renew_recovery_codes(ADA)
    token = await service.link()
    methods = (await reset_with(service, token)).json()["methods"]
    assert [one["method"] for one in methods] == ["totp", "recovery_code"]
    assert (
        await reset_with(service, token, "recovery_code", codes[0].lower().replace("-", " "))
    ).status_code == 200
    again = await reset_with(
        service, await service.link(), "recovery_code", codes[0], "a third password, please"
    )
    assert problem(again) == "401 second-step-rejected"
    for number, code in enumerate(codes[1:]):
        answer = await reset_with(
            service, await service.link(), "recovery_code", code, f"{number} loud lighthouses"
        )
        assert problem(answer) == "200", "only the code that was used has ended"


async def test_recovery_codes_alone_are_no_factor_and_those_of_another_account_are_refused(
    service: Service,
) -> None:
    zoe = await service.add("zoe@northwind.test")
    codes = await service.operator.renew_recovery_codes(zoe.email)
    assert (await reset_with(service, await service.link(zoe.email))).status_code == 200
    await enrol(service, zoe.email, os.urandom(20))
    await service.operator.renew_recovery_codes(ADA)
    answer = await reset_with(service, await service.link(), "recovery_code", codes[0])
    assert problem(answer) == "401 second-step-rejected"
