"""To which addresses a reset may return."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyturn.service.reset.request import ReturnAddresses

APP = "https://app.example.org"
ADDRESSES = ReturnAddresses([APP, "https://shop.example.org:8443"])


@pytest.mark.parametrize("address", [
    APP, f"{APP}/", f"{APP}/cart?item=1#top", f"{APP}?a=b", f"{APP}#a", f"{APP}/%2F..//evil.example",
    "https://shop.example.org:8443/a%20b",
])  # fmt: skip
def test_an_address_of_an_origin_is_allowed(address: str) -> None:
    assert ADDRESSES.allowed(address) == address


@pytest.mark.parametrize("address", [
    f"{APP}.evil.example/", f"{APP}@evil.example/", f"{APP}:443/", f"{APP}:pass@evil.example/",
    f"{APP}\\@evil.example/", f"{APP}\\.evil.example", f"{APP}%2eevil.example/", f"{APP}/\\evil.example",
    f"{APP}/a b", f"{APP}/a\nb", f"{APP}/\r\nSet-Cookie: a=b", f"{APP}/\u00e4", f"{APP}\u3002evil.example",
    f" {APP}/", APP.upper(), "http://app.example.org/", "//app.example.org/", "https:app.example.org",
    "https://shop.example.org/", "https://shop.example.org:84433/",
])  # fmt: skip
def test_any_other_address_is_not(address: str) -> None:
    assert ADDRESSES.allowed(address) == ""
    assert not ReturnAddresses([]).allowed(f"{APP}/")


@given(st.text(max_size=60))
def test_whatever_follows_an_origin_its_host_stays_the_same(rest: str) -> None:
    if ADDRESSES.allowed(APP + rest):
        assert rest[:1] in {"", "/", "?", "#"}
        assert rest.isascii()
