"""A signed-in user sets up, replaces and removes the second step, and each change is told by mail."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import delete, select, update
from tests.pages.school import Visitor, heading, words
from tests.spec.second_factors import (
    BUILTIN,
    SEED,
    STEP,
    account_of,
    audited,
    builtin_factors,
    code_of,
    enrol,
    own_step,
    reset_with,
    wrong_code,
)
from tests.spec.service import ADA, LOGIN, PASSWORD, Service, Start, problem

from keyturn.accounts.builtin import SessionRow
from keyturn.outbox.models import OutboxRow
from keyturn.problems.requests import Busy
from keyturn.reset.proofs.second_step import own_factors
from keyturn.reset.proofs.second_step.models import RecoveryCodeRow, SecondFactorRow
from keyturn.reset.proofs.second_step.totp import seed_of_base32
from keyturn.reset.records.models import AuditRow
from keyturn.settings import Kind, LimitSettings, SecondStepSettings, Secret

pytestmark = pytest.mark.any_database

SETTINGS = "/security-settings"
PAGE = f"{SETTINGS}/second-step"
CONFIRM = f"{PAGE}/confirm"
WRONG_PASSWORD = "This is not your current password."
OVER = "The setup wasn’t finished in time. Start again."


@pytest.fixture
def service_options() -> dict[str, Any]:
    return {"second_step": BUILTIN}


@pytest.fixture
async def ada(service: Service) -> Visitor:
    return await signed_in(service)


async def signed_in(service: Service, email: str = ADA) -> Visitor:
    visitor = Visitor(service.anywhere())
    answer = await visitor.client.post(LOGIN, json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200
    return visitor


async def wish(visitor: Visitor, wanted: str, current: str = PASSWORD, code: str = "") -> httpx.Response:
    return await visitor.submit(PAGE, wish=wanted, current=current, code=code)


def seed_on(page: httpx.Response) -> bytes:
    """Return the seed that the page shows as a key."""
    found = re.search(r'<code dir="ltr">([A-Z2-7 ]+)</code>', page.text)
    assert found, page.text
    return seed_of_base32(found[1])


def pending_on(page: httpx.Response) -> str:
    found = re.search(r'name="pending" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def codes_on(page: httpx.Response) -> list[str]:
    return re.findall(r"<code>([0-9A-Z-]{29})</code>", page.text)


async def confirm(visitor: Visitor, pending: str, code: str) -> httpx.Response:
    return await visitor.submit(PAGE, CONFIRM, pending=pending, code=code)


async def set_up(visitor: Visitor, code: str = "") -> tuple[bytes, list[str]]:
    """Set up an authenticator app; return its seed and the recovery codes."""
    page = await wish(visitor, "set_up", code=code)
    seed = seed_on(page)
    done = await confirm(visitor, pending_on(page), code_of(seed))
    assert heading(done) == "Your recovery codes"
    assert f'<a class="button" href="{SETTINGS}">Done</a>' in done.text
    return seed, codes_on(done)


async def has_factor(service: Service) -> bool:
    return bool(await service.rows(select(SecondFactorRow.account_id)))


async def test_the_settings_say_that_the_second_step_is_off_and_lead_to_its_page(ada: Visitor) -> None:
    page = await ada.get(SETTINGS)
    assert "Off. When it is on, a password reset also needs a code" in words(page)
    assert f'<a class="button second" href="{PAGE}">Set up a second step</a>' in page.text
    assert heading(await ada.get(PAGE)) == "Set up a second step"


async def test_an_authenticator_app_is_set_up_with_the_password_and_a_code_and_a_reset_asks_for_it(
    ada: Visitor, service: Service
) -> None:
    page = await wish(ada, "set_up")
    assert heading(page) == "Set up an authenticator app"
    assert page.headers["cache-control"] == "no-store"
    assert not await has_factor(service)
    seed = seed_on(page)
    done = await confirm(ada, pending_on(page), code_of(seed))
    assert "A password reset also needs a code from your authenticator app." in words(done)
    assert len(set(codes_on(done))) == 10
    assert await audited(service) == ["totp_set"]
    page = await ada.get(SETTINGS)
    assert "A password reset also needs a code from your authenticator app." in words(page)
    assert "Recovery codes left: 10" in words(page)
    token = await service.link()
    assert problem(await service.reset(token)) == "401 second-step-required"
    assert (await reset_with(service, token, "totp", code_of(seed, STEP))).status_code == 200


async def test_the_qr_code_is_a_picture_in_the_page_that_its_policy_allows(ada: Visitor) -> None:
    page = await wish(ada, "set_up")
    drawn = re.search(r'<div class="qr" role="img" aria-label="[^"]+">(<svg .*?</svg>)</div>', page.text, re.DOTALL)
    assert drawn
    assert "style=" not in drawn[1]
    assert "<script" not in drawn[1]
    uri = re.search(r'href="(otpauth://[^"]+)"', page.text)
    assert uri
    parsed = pyotp.parse_uri(uri[1].replace("&amp;", "&"))
    assert (parsed.name, parsed.issuer) == (ADA, "Northwind School")
    assert seed_of_base32(parsed.secret) == seed_on(page)


async def test_the_owner_gets_one_mail_of_each_change(ada: Visitor, service: Service) -> None:
    _, codes = await set_up(ada)
    assert len(set(codes_on(await wish(ada, "codes", code=codes[0])) + codes)) == 20
    assert codes_on(await wish(ada, "codes", code=codes[1])) == []  # the earlier codes ended
    await service.deliver()
    subjects = [mail.subject for mail in service.inbox.sent_to(ADA, "second_step_changed")]
    assert sorted(subjects) == [  # mails that are due together leave together, in any order
        "Northwind School: New recovery codes made",
        "Northwind School: Second step set up",
    ]


async def test_the_mail_is_written_in_the_transaction_of_the_change(ada: Visitor, service: Service) -> None:
    await set_up(ada)
    (row,) = await service.rows(select(OutboxRow.id, OutboxRow.payload).where(OutboxRow.kind == "second_step_changed"))
    (entry,) = await service.rows(select(AuditRow.message_id).where(AuditRow.outcome == "totp_set"))
    assert entry["message_id"] == row["id"]
    assert '"set_up"' in row["payload"]


async def test_a_removal_is_told_and_a_link_alone_sets_the_password_again(ada: Visitor, service: Service) -> None:
    seed, _ = await set_up(ada)
    page = await ada.follow(await wish(ada, "remove", code=code_of(seed, STEP)))
    assert "A password reset no longer needs a code." in words(page)
    assert "Off. When it is on" in words(page)
    assert '<p class="panel" role="status">' not in (await ada.get(SETTINGS)).text
    await service.deliver()
    mails = {mail.subject: mail for mail in service.inbox.sent_to(ADA, "second_step_changed")}
    assert "no longer needs a code" in mails["Northwind School: Second step removed"].text
    assert await service.rows(select(RecoveryCodeRow.digest)) == []
    assert (await service.reset(await service.link())).status_code == 200


async def test_another_app_takes_the_place_of_the_first(ada: Visitor, service: Service) -> None:
    first, codes = await set_up(ada)
    second, _ = await set_up(ada, codes[0])
    token = await service.link()
    assert problem(await reset_with(service, token, "totp", code_of(first, STEP))) == "401 second-step-rejected"
    assert (await reset_with(service, token, "totp", code_of(second, STEP))).status_code == 200


@pytest.mark.parametrize("wanted", ["set_up", "codes", "remove", "", "anything"])
async def test_a_wrong_password_changes_nothing(wanted: str, service: Service) -> None:
    await enrol(service)
    before = await service.rows(select(SecondFactorRow.totp))
    ada = await signed_in(service)
    page = await wish(ada, wanted, "a wrong guess", code_of())
    assert (page.status_code, WRONG_PASSWORD in words(page)) == (422, True)
    assert "<title>Error: Change the second step" in page.text
    assert await service.rows(select(SecondFactorRow.totp)) == before
    (entry,) = await service.rows(select(AuditRow.outcome).where(AuditRow.event == "second_step_change"))
    assert entry["outcome"] == "rejected"
    assert "Wrong current password entered" in words(await ada.get(SETTINGS))


@pytest.mark.parametrize("wanted", ["set_up", "codes", "remove"])
@pytest.mark.parametrize(
    ("code", "told"),
    [("", "Enter a code."), (" ", "Enter a code."), ("wrong", "You have 19 more attempts."), ("1" * 9_000, "You have")],
)
async def test_a_present_second_step_is_asked_for_before_it_is_changed(
    wanted: str, code: str, told: str, service: Service
) -> None:
    await enrol(service)
    before = await service.rows(select(SecondFactorRow.totp))
    ada = await signed_in(service)
    page = await wish(ada, wanted, code=wrong_code() if code == "wrong" else code)
    assert (page.status_code, told in words(page)) == (422, True)
    assert await service.rows(select(SecondFactorRow.totp)) == before
    assert codes_on(page) == []


async def test_a_code_is_used_once_and_the_one_that_confirmed_the_app_is_used(ada: Visitor, service: Service) -> None:
    page = await wish(ada, "set_up")
    seed = seed_on(page)
    code = code_of(seed)
    assert codes_on(await confirm(ada, pending_on(page), code))
    assert "This code is wrong, or was used before." in words(await wish(ada, "remove", code=code))
    later = code_of(seed, STEP)
    assert len(codes_on(await wish(ada, "codes", code=later))) == 10
    assert "This code is wrong, or was used before." in words(await wish(ada, "remove", code=later))
    assert await has_factor(service)


async def test_a_recovery_code_proves_the_owner_once(ada: Visitor, service: Service) -> None:
    _, (first, *_) = await set_up(ada)
    page = await wish(ada, "set_up", code=first.lower().replace("-", " "))
    assert heading(page) == "Set up an authenticator app"
    assert "This code is wrong, or was used before." in words(await wish(ada, "set_up", code=first))
    assert await has_factor(service)


async def test_guesses_at_the_present_second_step_end_for_the_day(start: Start) -> None:
    limits = LimitSettings(login="100/minute", account="100/minute")
    service = await start(second_step=SecondStepSettings(source="builtin", daily=2), limits=limits)
    await enrol(service)
    ada = await signed_in(service)
    for left in (1, 0):
        assert f"You have {left} more" in words(await wish(ada, "remove", code=wrong_code()))
    page = await wish(ada, "remove", code=code_of())
    assert (page.status_code, page.headers["retry-after"] > "80000") == (429, True)
    assert await has_factor(service)


async def test_guesses_at_the_password_are_limited(start: Start) -> None:
    service = await start(second_step=BUILTIN, limits=LimitSettings(account="2/15 minutes", login="100/minute"))
    ada = await signed_in(service)
    statuses = [(await wish(ada, "set_up", "a wrong guess")).status_code for _ in range(3)]
    assert statuses == [422, 422, 429]
    assert (await wish(ada, "set_up")).status_code == 429


async def test_a_wrong_code_of_the_new_app_shows_the_same_app_again(ada: Visitor, service: Service) -> None:
    page = await wish(ada, "set_up")
    seed = seed_on(page)
    again = await confirm(ada, pending_on(page), wrong_code(seed))
    assert (again.status_code, seed_on(again)) == (422, seed)
    assert "This code is wrong. Check that the time on your phone is right." in words(again)
    assert not await has_factor(service)
    assert codes_on(await confirm(ada, pending_on(again), code_of(seed)))


async def test_an_app_that_was_not_confirmed_in_time_does_not_count(
    ada: Visitor, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await wish(ada, "set_up")
    monkeypatch.setattr(own_factors, "SET_UP_WITHIN", timedelta(seconds=-1))
    answer = await confirm(ada, pending_on(page), code_of(seed_on(page)))
    assert answer.headers["location"] == PAGE
    assert OVER in words(await ada.follow(answer))
    assert OVER not in words(await ada.get(PAGE))
    assert not await has_factor(service)


@pytest.mark.parametrize("pending", ["", "x", "gAAAAA", "ä", "x" * 9_000])
async def test_a_set_up_that_this_service_did_not_begin_does_not_count(
    pending: str, ada: Visitor, service: Service
) -> None:
    answer = await confirm(ada, pending, code_of())
    assert answer.headers["location"] == PAGE
    assert not await has_factor(service)


async def test_a_set_up_of_another_session_or_another_account_does_not_count(ada: Visitor, service: Service) -> None:
    await service.add("eve@northwind.test")
    page = await wish(ada, "set_up")
    for other in (await signed_in(service), await signed_in(service, "eve@northwind.test")):
        answer = await confirm(other, pending_on(page), code_of(seed_on(page)))
        assert answer.headers["location"] == PAGE
    assert not await has_factor(service)


async def test_of_two_set_ups_the_later_confirmation_does_not_count(ada: Visitor) -> None:
    first, second = await wish(ada, "set_up"), await wish(ada, "set_up")
    codes = codes_on(await confirm(ada, pending_on(first), code_of(seed_on(first))))
    for page in (second, first):
        answer = await confirm(ada, pending_on(page), code_of(seed_on(page), STEP))
        assert answer.headers["location"] == PAGE
    assert "Recovery codes left: 10" in words(await ada.get(SETTINGS))
    assert len(codes_on(await wish(ada, "codes", code=codes[0]))) == 10


@pytest.mark.parametrize("path", [PAGE, CONFIRM])
async def test_a_form_without_its_token_changes_nothing(path: str, ada: Visitor, service: Service) -> None:
    page = await wish(ada, "set_up")
    fields = {"wish": "set_up", "current": PASSWORD, "pending": pending_on(page), "code": code_of(seed_on(page))}
    assert (await ada.client.post(path, data=fields)).status_code == 403
    assert not await has_factor(service)


@pytest.mark.parametrize("path", [PAGE, CONFIRM])
async def test_who_is_signed_out_meanwhile_is_led_to_the_sign_in(path: str, ada: Visitor, service: Service) -> None:
    form = await ada.get(PAGE)
    await service.write(delete(SessionRow))
    token = form.text.partition('_csrf_token" value="')[2].partition('"')[0]
    answer = await ada.client.post(path, data={"_csrf_token": token, "wish": "set_up", "current": PASSWORD})
    assert answer.headers["location"] == "/login?next=%2Fsecurity-settings%2Fsecond-step"
    assert (await ada.get(PAGE)).headers["location"] == "/login?next=%2Fsecurity-settings%2Fsecond-step"


async def test_a_second_step_that_cannot_be_checked_here_is_not_changed_here(ada: Visitor, service: Service) -> None:
    account = await account_of(service)
    await builtin_factors(service).set_phone(account.id, "+447700900123")
    page = await ada.get(PAGE)
    assert "Your account is protected by a second step that we can’t check here." in words(page)
    assert 'name="wish"' not in page.text
    (token,) = {*re.findall(r'_csrf_token" value="([0-9a-f]+)"', (await ada.get(SETTINGS)).text)}
    answer = await ada.client.post(
        PAGE, data={"_csrf_token": token, "wish": "remove", "current": PASSWORD, "code": "123456"}
    )
    assert answer.status_code == 422
    assert await has_factor(service)
    codes = await own_step(service).recovery.mint(account.id)
    await ada.follow(await wish(ada, "remove", code=codes[0]))
    assert not await has_factor(service)


async def test_a_seed_sealed_with_a_lost_key_is_not_replaced_here(ada: Visitor, service: Service) -> None:
    await enrol(service)
    await service.write(update(SecondFactorRow).values(totp=b"not sealed"))
    assert 'name="wish"' not in (await ada.get(PAGE)).text
    assert (await ada.get(SETTINGS)).status_code == 200


async def test_a_busy_service_changes_nothing(ada: Visitor, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def busy(*_: object, **__: object) -> bool:
        raise Busy(1)

    monkeypatch.setattr(service.parts.hasher, "verify", busy)
    assert (await wish(ada, "set_up")).status_code == 503


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "settings",
    [
        {"second_step": SecondStepSettings()},
        {"second_step": BUILTIN, "secret_key": Secret("")},
    ],
    ids=["off", "without a key that lasts"],
)
async def test_where_keyturn_keeps_no_factors_there_is_no_card_and_no_page(
    settings: dict[str, Any], start: Start
) -> None:
    service = await start(**settings)
    ada = await signed_in(service)
    assert "Second step" not in words(await ada.get(SETTINGS))
    assert (await ada.get(PAGE)).status_code == 404


async def test_a_set_up_survives_the_replacement_of_the_secret_key(start: Start) -> None:
    service = await start(second_step=BUILTIN)
    ada = await signed_in(service)
    page = await wish(ada, "set_up")
    old = service.parts.settings.secret_key
    renewed = await start(second_step=BUILTIN, secret_key=Secret("f" * 64), previous_secret_keys=(old,))
    later = Visitor(renewed.anywhere(cookies={"keyturn_session": ada.client.cookies["keyturn_session"]}))
    assert codes_on(await confirm(later, pending_on(page), code_of(seed_on(page))))


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
async def test_the_form_of_a_kind_with_another_page_is_not_shown(start: Start) -> None:
    kinds = {"viewer": Kind(settings_url="{base_url}/viewer-settings/security")}
    service = await start(second_step=BUILTIN, kinds=kinds)
    ada = await signed_in(service)
    assert (await ada.get(PAGE)).headers["location"] == "/viewer-settings/security"
    assert heading(await ada.get("/viewer-settings/security/second-step")) == "Set up a second step"


def test_no_secret_of_a_set_up_shows_itself() -> None:
    proof, pending = own_factors.OwnerProof(PASSWORD, "123456"), own_factors.PendingSeed(SEED, "sealed")
    assert PASSWORD not in repr(proof)
    assert "seed" not in repr(pending).lower().replace("pendingseed", "")
