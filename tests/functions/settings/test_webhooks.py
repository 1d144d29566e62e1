"""Webhooks of the app: an address and a secret, which belong together."""

import base64

import pytest
from tests.functions.settings.reading import Faults, Read

URL, SECRET = "https://app.example.org/webhooks/keyturn", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"


def test_an_address_and_a_secret_are_enough(read: Read) -> None:
    hooks = read(f'[webhooks]\nurl = "{URL}"', KEYTURN_WEBHOOKS_SECRET=SECRET).webhooks

    assert (hooks.url, hooks.secret) == (URL, SECRET)


@pytest.mark.parametrize(
    ("alone", "setting", "why"),
    [
        ({"URL": URL}, "secret", "missing: webhooks.url is set"),
        ({"SECRET": SECRET}, "url", "missing: webhooks.secret is set"),
    ],
    ids=["an address without a secret", "a secret without an address"],
)
def test_what_belongs_together_is_set_together(faults: Faults, alone: dict[str, str], setting: str, why: str) -> None:
    found = faults(**{f"KEYTURN_WEBHOOKS_{name}": value for name, value in alone.items()})

    assert found == {f"webhooks.{setting}": why}


@pytest.mark.parametrize("before", ["", f"{SECRET}, "], ids=["alone", "beside another"])
@pytest.mark.parametrize(
    "secret",
    [
        SECRET.removeprefix("whsec_"),
        "whsec_c2hvcnQ=",
        SECRET + "?",
        *("whsec_" + base64.b64encode(bytes(length)).decode() for length in (23, 65)),
    ],
)
def test_what_cannot_sign_is_no_secret_and_is_not_repeated(faults: Faults, before: str, secret: str) -> None:
    found = faults(KEYTURN_WEBHOOKS_URL=URL, KEYTURN_WEBHOOKS_SECRET=before + secret)

    assert found == {"webhooks.secret": "must be a signing secret: whsec_ and base64 of 24 to 64 bytes"}


@pytest.mark.parametrize("url", ["https://", "http://[::1", "https://h:99999/x", "https://h:0/"])
def test_what_is_no_address_cannot_be_told(faults: Faults, url: str) -> None:
    assert "must be an address" in faults(KEYTURN_WEBHOOKS_URL=url, KEYTURN_WEBHOOKS_SECRET=SECRET)["webhooks.url"]


def test_an_address_is_a_secret_and_holds_no_user(faults: Faults, read: Read) -> None:
    keyed = {"KEYTURN_WEBHOOKS_URL": f"{URL}?key=hunter2", "KEYTURN_WEBHOOKS_SECRET": SECRET}
    assert "hunter2" not in repr(read(**keyed))

    found = faults(**keyed | {"KEYTURN_WEBHOOKS_URL": "https://app:hunter2@app.example.org/"})
    assert found == {
        "webhooks.url": "must not contain a user or a password: the signature proves that the call is Keyturn's"
    }


def test_production_needs_https_unless_the_app_is_on_this_machine(faults: Faults, read: Read) -> None:
    far, near = "http://app.example.org/hook", "http://127.0.0.1:3000/hook"

    assert "https" in faults(KEYTURN_WEBHOOKS_URL=far, KEYTURN_WEBHOOKS_SECRET=SECRET)["webhooks.url"]
    assert read(KEYTURN_WEBHOOKS_URL=near, KEYTURN_WEBHOOKS_SECRET=SECRET).webhooks.url == near
    assert (
        read(KEYTURN_WEBHOOKS_URL=far, KEYTURN_WEBHOOKS_SECRET=SECRET, KEYTURN_ENVIRONMENT="development").webhooks.url
        == far
    )
