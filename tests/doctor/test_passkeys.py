"""Whose passkeys there are, and whether password managers find the pages about them."""

import importlib.util

import pytest
from litestar import Litestar, get
from tests.serving import serving_here

from keyturn.doctor import services
from keyturn.doctor.services import check_passkeys
from keyturn.settings import PasskeySettings, Settings


def settings(rp_id: str = "") -> Settings:
    passkeys = PasskeySettings(enabled=True, rp_id=rp_id, origins=("https://app.example.org",))
    return Settings(base_url="https://account.example.org", passkeys=passkeys)


async def test_the_domain_and_its_origins_are_told() -> None:
    (found,) = await check_passkeys(settings())
    assert found.verdict == "ok"
    assert found.message == (
        "they belong to account.example.org, and are used at https://account.example.org, https://app.example.org"
    )


async def test_a_parent_domain_that_serves_no_file_is_a_warning() -> None:
    @get("/.well-known/passkey-endpoints")
    async def page() -> str:
        return "<p>Welcome</p>"

    async with serving_here(Litestar([page])) as address:
        for domain in (address.removeprefix("http://"), "127.0.0.1:9"):
            ok, found = await check_passkeys(settings(domain), scheme="http")
            assert (ok.verdict, found.verdict) == ("ok", "warn")
            assert f"http://{domain}/.well-known/passkey-endpoints is not served" in found.message
            assert "https://account.example.org/.well-known/passkey-endpoints" in found.mend


async def test_a_parent_domain_that_serves_the_file_is_fine() -> None:
    @get("/.well-known/passkey-endpoints")
    async def endpoints() -> dict[str, str]:
        return {"enroll": "https://app.example.org/passkeys"}

    async with serving_here(Litestar([endpoints])) as address:
        found = await check_passkeys(settings(address.removeprefix("http://")), scheme="http")
    assert [one.verdict for one in found] == ["ok"]


async def test_the_missing_library_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        services, "find_spec", lambda name: None if name == "webauthn" else importlib.util.find_spec(name)
    )
    (found,) = await check_passkeys(settings())
    assert found.verdict == "fail"
    assert "pip install 'keyturn[passkeys]'" in found.mend
