"""What holds for every mail that Keyturn sends, with each of its samples and in every language."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import msgspec
import pytest
from tests.every_language import each_language
from tests.studio.samples import branded, read_samples, with_hostile

from keyturn.mail.languages.language import Language, Languages
from keyturn.mail.rendering.compiling import Rendered
from keyturn.mail.rendering.render import EmailProps
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.service.settings import FileOrUrl

Render = Callable[[EmailProps], Rendered]
Seen = Callable[[Rendered], str]

BY_MAIL: dict[str, Any] = {name: with_hostile(read_samples(kind)) for name, kind in EMAILS.items()}
SAMPLES = {
    f"{name}-{sample}": props
    for name, all_of in BY_MAIL.items()
    for sample, props in all_of.items()
}
FIRSTS = {props.template: props for props in reversed(SAMPLES.values())}

each_sample = pytest.mark.parametrize("props", SAMPLES.values(), ids=SAMPLES)
each_mail = pytest.mark.parametrize("props", FIRSTS.values(), ids=FIRSTS)


def the_link(props: EmailProps) -> str:
    first = next(
        str(value) for value in msgspec.structs.astuple(props) if str(value).startswith("http")
    )
    return getattr(props, "secure_link", "") or first


def hrefs(mail: Rendered) -> list[str]:
    return [unescape(href) for href in re.findall(r'href="([^"]*)"', mail.html)]


@each_sample
def test_its_only_link_is_one_button_and_an_address_to_copy_in_both_parts(
    props: Any, render: Render, seen: Seen
) -> None:
    mail, link = render(props), the_link(props)
    buttons = re.findall(r'class="button".*?href="([^"]*)"', mail.html, re.DOTALL)
    assert {href for href in hrefs(mail) if not href.startswith("mailto:")} == {link}
    assert [unescape(href) for href in buttons] == [link]
    assert f"copy this address into your browser: {link} " in seen(mail)
    assert re.findall(r"\S*://\S*", mail.text) == [link]
    assert mail.text.splitlines().count(link) == 1, "on a line of its own"


@each_sample
def test_its_inbox_row_is_short_holds_no_secret_and_shows_nothing_of_the_body(
    props: Any, render: Render
) -> None:
    mail = render(props)
    assert 0 < len(mail.subject) <= 60
    assert 0 < len(mail.preheader) <= 110
    for line in (mail.subject, mail.preheader):
        assert "://" not in line
        assert the_link(props).rpartition("/")[2] not in line
        assert props.email not in line
    _, _, after = unescape(mail.html).partition(f"{mail.preheader}</div>")
    assert set(re.sub(r"<[^>]+>", "", after)[:200]) == set("\u034f\u200c\u00a0")


@each_sample
def test_its_html_asks_nobody_else_and_no_line_of_its_text_ends_within_a_sentence(
    props: Any, render: Render
) -> None:
    mail = render(props)
    assert not re.search(
        r"<(img|link|script|iframe|object|video)\b|@import|url\(|\bsrc=", mail.html
    )
    assert re.findall(r".*[a-z,]\n[a-z](?!ttps?://).*", mail.text) == []


@each_sample
def test_a_name_is_text_that_stands_apart_and_can_be_empty(
    props: Any, render: Render, seen: Seen
) -> None:
    mail = render(props)
    assert not re.search(r"<(b|i|script)>", mail.html)
    assert "&lt;" not in mail.text
    assert props.name in seen(mail)
    assert (f'<span dir="auto">{props.name}</span>' in unescape(mail.html)) == bool(props.name)
    assert props.name in mail.text.replace("\n", " ")
    nameless = render(msgspec.structs.replace(props, name=""))
    assert "Hello, " in seen(nameless)
    assert nameless.text.startswith("Hello, ")


@each_mail
def test_it_says_whose_it_is_and_where_help_is(
    props: Any, render: Render, english: Language, seen: Seen
) -> None:
    mail = render(props)
    assert (
        "Northwind School · 12 Harbour Street, Leeds Questions? help@northwind.example Sent to"
        in seen(mail)
    )
    assert (
        "\nNorthwind School\n12 Harbour Street, Leeds\nQuestions? help@northwind.example\n"
        in mail.text
    )
    assert "mailto:help@northwind.example" in hrefs(mail)
    mail = branded(support_address="", postal_address="").render(props, english)
    for part in (seen(mail), mail.text):
        assert not re.search(r"Questions|support|·|\n\n\n", part)
    assert not any(href.startswith("mailto:") for href in hrefs(mail))


@each_mail
def test_a_logo_has_its_size_and_the_name_for_when_images_are_off(
    props: Any, english: Language
) -> None:
    templates = branded(
        logo=FileOrUrl("https://northwind.example/logo.png?v=1&w=2"), logo_width=160
    )
    (image,) = re.findall(r"<img[^>]*>", templates.render(props, english).html)
    assert 'src="https://northwind.example/logo.png?v=1&amp;w=2"' in image
    assert 'alt="Northwind School" width="160" height="32"' in image


def test_a_logo_for_dark_takes_the_place_of_the_light_one_and_needs_no_paper(
    english: Language,
) -> None:
    logos = {
        name: FileOrUrl(f"https://northwind.example/{name}.png")
        for name in ("mail_logo", "mail_logo_dark")
    }
    html = (
        branded(logo=FileOrUrl("https://northwind.example/logo.svg"), **logos)
        .render(FIRSTS["password_reset"], english)
        .html
    )

    assert (
        "<img"
        not in branded(logo=FileOrUrl("https://northwind.example/logo.svg?v=2"))
        .render(FIRSTS["password_reset"], english)
        .html
    ), "an SVG is no logo of a mail"
    light, dark = re.findall(r"<img[^>]*>", html)
    assert 'src="https://northwind.example/mail_logo.png"' in light
    assert 'src="https://northwind.example/mail_logo_dark.png"' in dark
    assert "display:none" in dark
    assert "<!--[if !mso]><!--><img" in html, "Outlook for Windows shows what is hidden"
    assert ".brand .on-light { display: none !important; }" in html
    assert "linear-gradient" not in html


def test_corners_and_letters_are_the_brand_s(english: Language) -> None:
    html = (
        branded(radius=2, font='"Source Sans 3", Georgia, serif')
        .render(FIRSTS["password_reset"], english)
        .html
    )
    assert "border-radius:2px" in html
    assert "border-radius:8px" not in html
    assert "font-family:'Source Sans 3', Georgia, serif, Arial, sans-serif" in html


@each_mail
def test_markup_in_the_brand_is_text(props: Any, english: Language) -> None:
    mail = branded(
        name='R&D "<b>"', support_address='"><b>@x.example', postal_address="<b>"
    ).render(props, english)
    assert "<b>" not in mail.html
    assert 'R&D "<b>"' in mail.subject
    assert 'R&D "<b>"' in mail.text


@each_mail
def test_no_value_can_write_a_line_of_its_own_or_stop_the_mail(props: Any, render: Render) -> None:
    fields = [
        name
        for name, value in msgspec.structs.asdict(props).items()
        if type(value) is str and "/" not in value
    ]
    hostile = "A\r\n\x0b\x00\u2028\x85\ufffeBcc: b"
    mail = render(msgspec.structs.replace(props, **dict.fromkeys(fields, hostile)))
    assert "Hello A Bcc: b," in mail.text
    assert not re.search(r"^\s*Bcc", mail.text, re.MULTILINE)
    assert len(mail.subject.splitlines()) == len(mail.preheader.splitlines()) == 1


@each_mail
def test_it_runs_from_right_to_left_where_the_language_does(props: Any, arabic: Language) -> None:
    mail = branded().render(props, arabic)
    assert '<html lang="ar" dir="rtl"' in mail.html
    assert "direction:ltr" not in mail.html
    assert 'align="left"' not in mail.html
    assert f'href="{the_link(props)}" dir="ltr"' in mail.html


TAGS = sorted(set(Languages("UTC").known) - {"en"})


@each_language("tag", {tag: tag for tag in TAGS})
def test_every_sample_says_its_language_and_has_a_short_inbox_row(tag: str) -> None:
    language = Languages("UTC").choose(tag)
    templates = branded()
    for samples in BY_MAIL.values():
        for props in samples.values():
            mail = templates.render(props, language)
            assert f'<html lang="{tag}" dir="{language.direction}"' in mail.html
            assert 0 < len(mail.subject) <= 70
            assert 0 < len(mail.preheader) <= 120
            assert not re.search("[\u2068\u2069]", mail.subject + mail.preheader)


@pytest.mark.parametrize("tag", ["ar", "hi"])
@pytest.mark.parametrize("name", EMAILS)
@pytest.mark.long
def test_no_letter_that_joins_is_parted_from_the_next(name: str, tag: str) -> None:
    mail = branded().render(next(iter(BY_MAIL[name].values())), Languages("UTC").choose(tag))
    assert "letter-spacing" not in mail.html


def test_addresses_and_names_in_latin_letters_stand_apart_in_an_arabic_text() -> None:
    text = (
        branded()
        .render(BY_MAIL["password_changed"]["access_ended"], Languages("UTC").choose("ar"))
        .text
    )
    for value in (
        "2001:db8:85a3:8d3:1319:8a2e:370:7348",
        "Harbour Primary School",
        "office@harbour-primary.example",
    ):
        assert f"\u2068{value}\u2069" in text
    assert "\nhttps://account.northwind.example/forgot-password\n" in text


@pytest.mark.long
def test_every_language_that_needs_them_names_fonts_that_have_its_letters() -> None:
    templates, languages = branded(), Languages("UTC")
    viewer = BY_MAIL["password_reset"]["viewer"]
    html = {tag: templates.render(viewer, languages.choose(tag)).html for tag in languages.known}
    named = "ar: Noto Sans Arabic, hi: Noto Sans Devanagari, ja: Hiragino Sans, ko: Malgun Gothic, "
    named += "zh-Hans: PingFang SC, zh-Hant: PingFang TC"
    for tag, font in (one.split(": ") for one in named.split(", ")):
        assert [other for other in html if font in html[other]] == [tag]
