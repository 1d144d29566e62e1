"""The codes of a mail, as somebody types them."""

import pytest

from keyturn.emails.inbox.codes import codes_of


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Your code is 482913.", ["482913"]),
        ("482 913 is your code", ["482913"]),
        ("Code: 482-913", ["482913"]),
        ("Ihr Kennwort für heute: K7XQ-92MB", ["K7XQ-92MB"]),
        ("Use A1B2C3 to sign in", ["A1B2C3"]),
        ("Order 10020030 of 2026. Your PIN: 4711", ["4711", "10020030"]),
        ("Your verification code is G-123456 (order 20261121).", ["123456", "20261121"]),
        ("Your code\n\n  7 3 9 1 2 4\n", ["739124"]),
        ("Your one-time password is kT9xQ2", ["kT9xQ2"]),
        ("Rows 1 2 3 4 and the file a1b2c3 of 24 November 2026", []),
        ("Your PIN of the year 2026: 1984", ["1984"]),
        ("コード 123456", ["123456"]),
        ("رمز التحقق 123456", ["123456"]),
        ("https://a.example/482913?code=123456 and ada4711@b.example", []),
        ("It costs 1234.50 or 1,234 or 5000 € and lasts until 14:32", []),
        ("HELLO EVERYBODY", []),
        ("123456 123456", ["123456"]),
        ("", []),
    ],
)
def test_a_code_is_found_and_what_is_none_is_not(text: str, codes: list[str]) -> None:
    assert codes_of("", text)[: len(codes) or None] == codes


def test_the_subject_counts_too() -> None:
    assert codes_of("112233 is your sign-in code", "Type it within ten minutes.") == ["112233"]
