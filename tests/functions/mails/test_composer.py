"""What a mail calls the person it is for, and the device that asked for it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from keyturn.extras import folder
from keyturn.mail.languages.language import Languages, SourceTexts
from keyturn.mail.rendering.render import Templates
from keyturn.service.accounts.port import Account
from keyturn.service.client import Client
from keyturn.service.reset.mails import theme
from keyturn.service.reset.mails.composer import MailComposer
from keyturn.service.reset.mails.email_props import PasswordChangedProps, PasswordResetProps
from keyturn.service.reset.mails.phrases import device_name
from keyturn.service.reset.proofs.codes import DIGITS
from keyturn.service.reset.records.lifetimes import BUTTON_LIFE
from keyturn.service.reset.records.links import mint_link, purpose_for
from keyturn.service.reset.records.messages import LONGEST_OPERATOR_REASON, PasswordWasChanged
from keyturn.service.settings import Brand, Settings

MOMENT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def composer() -> MailComposer:
    settings = Settings(
        base_url="https://a.test", reset_url="{base_url}/{token}", brand=Brand(name="Northwind")
    )
    themes = theme.build(settings)
    return MailComposer(
        Templates(folder("email_templates"), themes.general.globals), themes, settings
    )


def mailed(composer: MailComposer, name: str) -> str:
    account = Account(id="1", email="ada@northwind.test", name=name)
    link = mint_link(
        account, purpose_for(account, by_operator=False), MOMENT, MOMENT + timedelta(hours=1)
    )
    return composer.with_link(account, Client(), *link).email.text


def greeting(composer: MailComposer, name: str) -> str:
    """Return the beginning of the line that says Hello, up to its first verb."""
    (line,) = [line for line in mailed(composer, name).splitlines() if line.startswith("Hello")]
    return line.partition(", we received")[0]


@pytest.mark.parametrize("name", [
    "Ada", "Dr. Ada Lovelace", "Miles O'Neil", "Mary-Jane", "J.R.R. Tolkien", "J.-P. Sartre",
    "Sammy Davis Jr., Esq.", "Ph.D. Ada", "Malcolm X (2.0)", "محمد بن سلمان", "می\u200cخواهم",
    "山田 太郎", "<Ada>",
])  # fmt: skip
def test_names_as_people_have_them_are_said(composer: MailComposer, name: str) -> None:
    assert greeting(composer, name) == f"Hello {name}"


@pytest.mark.parametrize("name", [
    "", "  \n ", "URGENT, open evil.com/login now", "Visit EVIL.COM now", "http:/evil", "www.evil",
    "eve@evil", "evil\uff0ecom", "evil\uff0flogin", "evil.рф", "\u202eadA", "\x00nul",
    "J.R.R.Tolkien",
])  # fmt: skip
def test_names_that_are_to_be_clicked_or_read_otherwise_are_left_out(
    composer: MailComposer, name: str
) -> None:
    assert greeting(composer, name) == "Hello"


def test_a_name_has_one_line_and_no_more_than_120_characters(composer: MailComposer) -> None:
    assert greeting(composer, " Ada\r\nBcc:\u2028\tLove ") == "Hello Ada Bcc: Love"
    assert mailed(composer, "\u03a9" * 200_000).count("\u03a9") == 120


@pytest.mark.parametrize(
    ("name", "longest"), [("reason", "x" * LONGEST_OPERATOR_REASON), ("code", "1" * DIGITS)]
)
def test_limits_of_props(name: str, longest: str) -> None:
    """A mail may hold the longest reason of an operator, and a code of all digits, and no more."""
    (field,) = [one for one in msgspec.structs.fields(PasswordResetProps) if one.name == name]
    assert msgspec.convert(longest, field.type) == longest
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(f"{longest}1", field.type)


def test_life_of_button() -> None:
    """The mail's samples say of the button "this was not me" how long it works."""
    fields = {field.name: field for field in msgspec.structs.fields(PasswordChangedProps)}
    assert fields["secure_for"].default == BUTTON_LIFE


def test_a_provider_is_a_word_and_no_letter(composer: MailComposer) -> None:
    account = Account(
        id="1", email="ada@northwind.test", has_password=False, provider="Google " * 100
    )
    assert composer.about_provider(account, Client()).email.text.count("Google") < 20


@pytest.mark.parametrize(
    ("timezone", "said"),
    [
        ("Asia/Kolkata", "20 November 2026, 05:30 IST"),
        ("America/Sao_Paulo", "19 November 2026, 21:00 UTC-03"),
        *(
            (unknown, "20 November 2026, 00:00 UTC")
            for unknown in ("", "Mars/Olympus", "../../etc/passwd", "America", "x" * 9000)
        ),
    ],
)
def test_times_are_told_in_the_account_s_zone(
    timezone: str, said: str, composer: MailComposer
) -> None:
    account = Account(id="1", email="ada@northwind.test", timezone=timezone)
    change = PasswordWasChanged(
        account_id=account.id, at=MOMENT, client=Client(), email=account.email
    )

    mail = composer.about(account, change).email
    assert all(said in body for body in (mail.text, mail.html))


FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 {}Safari/605.1.15"
IPHONE = SAFARI.format("iPhone; CPU iPhone OS 18_0 like Mac OS X", "Mobile/15E148 ")
CHROME = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0 Mobile Safari/537.36"
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
