"""What a team says and shows in its own way: in English, too, to accounts of one kind, and in mails
of its own.
"""

from pathlib import Path

import pytest
from tests.driver.inbox import token_in
from tests.driver.own_mail import write_own_mail
from tests.driver.service import (
    ADA,
    GRACE,
    NEW_PASSWORD,
    POLICY,
    REQUEST,
    RESET,
    Service,
    Start,
    problem,
)
from tests.driver.visitor import form_token, heading, words

pytestmark = [pytest.mark.parametrize("databases", ["sqlite"], indirect=True), pytest.mark.long]

ENGLISH = {
    "Reset your %(brand)s password": "Reset Your %(brand)s Password",
    "Hello %(name)s, we received a request to reset your %(brand)s password.": (
        "Dear %(name)s, we received a request to change your password for your %(brand)s account."
    ),
    "Save the new password": "Update Password",
    "Forgot your password?": "Lost your key?",
    "If an account exists for that address, a link is on its way.": "Password reset link sent!",
    "This link does not work": "That key turns nothing",
    "This reset link is invalid. Please request a new one.": (
        "This reset link is invalid or has expired."
    ),
    "This password can’t be used": "Choose a better one",
    "Too many requests": "Slow down",
    "not a common password": "nothing that everybody takes",
}
LETTERS = (
    ("at least %(limit)s character", "at least %(limit)s characters"),
    ("%(limit)s letter", "%(limit)s letters"),
)


def catalogue(folder: Path, texts: dict[str, str], tag: str = "en") -> str:
    """Write a catalogue as a team would; return the folder for the settings."""
    (one, many), (first, others) = LETTERS
    file = folder / tag / "LC_MESSAGES" / "keyturn.po"
    file.parent.mkdir(parents=True)
    plural = f'msgid "{one}"\nmsgid_plural "{many}"\nmsgstr[0] "{first}"\nmsgstr[1] "{others}"\n'
    file.write_text(
        "\n".join([plural, *(f'msgid "{old}"\nmsgstr "{new}"\n' for old, new in texts.items())]),
        "utf-8",
    )
    return str(folder)


async def test_every_text_can_be_reworded_in_english_and_others_stay_as_they_were(
    start: Start, tmp_path: Path
) -> None:
    service = await start(locales=catalogue(tmp_path, ENGLISH), limits={"request": "2/minute"})
    client = service.anywhere()
    answer = await client.post(REQUEST, json={"email": ADA})
    assert answer.json()["message"] == "Password reset link sent!"

    await service.deliver()
    (mail,) = service.inbox.mails
    assert mail.subject == "Reset Your Northwind School Password"
    for part in (mail.html, mail.text):
        told = "we received a request to change your password for your Northwind School account."
        assert told in " ".join(part.split())

    assert heading(await client.get("/forgot-password")) == "Lost your key?"
    assert (
        heading(await client.get("/forgot-password", headers={"Accept-Language": "de"}))
        == "Passwort vergessen?"
    )
    page = await client.get(f"/reset-password/{token_in(mail)}", follow_redirects=True)
    assert "Update Password" in words(page)
    assert "12 letters" in words(page)
    refused = {
        "_csrf_token": form_token(page),
        "email": ADA,
        "password": "password",
        "again": "password",
    }
    assert "nothing that everybody takes" in words(
        await client.post("/reset-password", data=refused)
    )

    policy = (await client.get(POLICY)).json()["rules"]
    assert policy[0]["message"] == "12 letters"
    weak = await client.post(RESET, json={"token": token_in(mail), "newPassword": "password"})
    assert (problem(weak), weak.json()["title"]) == ("422 password-rejected", "Choose a better one")
    assert [one["message"] for one in weak.json()["violations"]] == [
        "12 letters",
        "nothing that everybody takes",
    ]
    dead = await client.post(RESET, json={"token": "x" * 43, "newPassword": NEW_PASSWORD})
    assert dead.json()["title"] == "That key turns nothing"
    assert dead.json()["detail"] == "This reset link is invalid or has expired."
    await client.post(REQUEST, json={"email": ADA})
    assert (await client.post(REQUEST, json={"email": ADA})).json()["title"] == "Slow down"


async def of_kinds(start: Start, folder: Path) -> Service:
    harbour = {
        "name": "Harbour Primary",
        "accent": "#5b3a8c",
        "support_address": "office@harbour.test",
    }
    subject, nothing = (
        "Reset your %(brand)s password",
        "If this was you, there’s nothing more to do.",
    )
    general = catalogue(folder / "all", {subject: "For all", nothing: "Ok."})
    service = await start(
        locales=general,
        kinds={"school": {"brand": harbour}},
        brand={"name": "Northwind School"},
        mail={"transport": "capture", "from": "Northwind <no-reply@northwind.test>"},
    )
    await service.add("office@harbour.test", kind="school", name="Office")
    await service.add("guest@northwind.test", kind="guest")
    return service


async def test_mails_to_a_kind_have_its_brand_and_no_others_do(
    start: Start, tmp_path: Path
) -> None:
    service = await of_kinds(start, tmp_path)
    await service.reset(await service.link("office@harbour.test"))
    await service.deliver()
    reset, changed = service.inbox.sent_to("office@harbour.test")
    assert reset.subject == "For all"
    assert changed.subject == "Your Harbour Primary password was changed"
    assert "Ok." in changed.text
    for mail in (reset, changed):
        assert "Harbour Primary" in mail.html
        assert "Northwind School" not in mail.html + mail.text
        assert "#5b3a8c" in mail.html
        assert mail.sender == "Northwind <no-reply@northwind.test>"

    for email in (ADA, "guest@northwind.test"):
        await service.link(email)
        (mail,) = service.inbox.sent_to(email)
        assert mail.subject == "For all"
        assert "Harbour" not in mail.html + mail.text
        assert "#5b3a8c" not in mail.html


async def test_a_mail_of_one_s_own_stands_in_for_that_one_alone(
    start: Start, tmp_path: Path
) -> None:
    own_mail = write_own_mail(tmp_path, "Your key, {{ name }}", '{{ _("Choose a new password") }}')
    service = await start(mail={"transport": "capture", "templates": own_mail})
    token = await service.link()
    await service.ask_and_deliver(GRACE)
    own, packaged = service.inbox.mails
    assert own.subject == "Your key, Ada"
    assert token in own.html
    assert token in own.text
    assert "If the button doesn’t work" not in own.html
    assert packaged.subject == "How to sign in to Northwind School"
