"""PageUrls are made of the settings' patterns, and nothing else."""

import pytest

from keyturn.reset.mails.composer import PageUrls

TOKEN = "Abc-_123"


def links(
    reset_url: str = "{base_url}/reset-password/{token}", base_url: str = "https://account.example.org"
) -> PageUrls:
    return PageUrls(
        base_url=base_url,
        reset_url=reset_url,
        forgot_url="{base_url}/forgot-password",
        sign_in_url="https://app.example.org/login",
    )


@pytest.mark.parametrize(
    ("pattern", "link"),
    [
        ("{base_url}/reset-password/{token}", "https://account.example.org/reset-password/Abc-_123"),
        ("{base_url}/reset#token={token}", "https://account.example.org/reset#token=Abc-_123"),
        (
            "https://app.example/reset?token={token}&email={email}",
            "https://app.example/reset?token=Abc-_123&email=ada%2Bx%26y%40northwind.example",
        ),
    ],
)
def test_a_reset_link_has_the_shape_of_its_pattern(pattern: str, link: str) -> None:
    assert links(pattern).reset(TOKEN, "ada+x&y@northwind.example") == link


def test_an_address_cannot_break_out_of_its_place() -> None:
    pattern = "{base_url}/reset?email={email}&token={token}"

    assert links(pattern).reset(TOKEN, "ü&token=x#/?@a.example") == (
        "https://account.example.org/reset?email=%C3%BC%26token%3Dx%23%2F%3F%40a.example&token=Abc-_123"
    )


@pytest.mark.parametrize("base_url", ["https://account.example.org/school", "https://account.example.org/school/"])
def test_a_path_in_front_is_kept_with_one_slash_between(base_url: str) -> None:
    assert links(base_url=base_url).forgot() == "https://account.example.org/school/forgot-password"


def test_a_page_can_be_elsewhere() -> None:
    assert links().sign_in() == "https://app.example.org/login"
