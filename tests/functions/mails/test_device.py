"""A user agent as a person would name it."""

import pytest

from keyturn.mail.languages import Languages, SourceTexts
from keyturn.service.reset.mails.composer import device_name

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 {}Safari/605.1.15"
IPHONE = SAFARI.format("iPhone; CPU iPhone OS 18_0 like Mac OS X", "Mobile/15E148 ")
CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Windows"),
        (SAFARI.format("Macintosh; Intel Mac OS X 10_15_7", ""), "Safari on macOS"),
        (CHROME, "Chrome on Android"),
        (CHROME.replace("Mobile", "SamsungBrowser/28.0 Mobile"), "Samsung Internet on Android"),
        (IPHONE, "Safari on iOS"),
        (IPHONE.replace("Version/18.0", "CriOS/140.0"), "Chrome on iOS"),
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", ""),
        ("", ""),
    ],
)
def test_a_device_has_a_name_or_none(user_agent: str, name: str) -> None:
    assert device_name(user_agent, SourceTexts()) == name


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("de", "Firefox unter Windows"),
        ("ja", "Windows の Firefox"),
        ("ar", "\u200f\u2068Firefox\u2069 على \u2068Windows\u2069"),
    ],
)
def test_it_is_named_in_the_reader_s_language(language: str, name: str) -> None:
    assert device_name(FIREFOX, Languages("UTC").choose(language)) == name
