"""The mails in every language: complete, and in the direction of their script."""

import re

import pytest
from tests.every_language import each_language
from tests.studio.samples import branded, read_samples

from keyturn.mail.languages import Languages
from keyturn.packaging import folder
from keyturn.service.reset.mails.email_props import EMAILS

TAGS = sorted(set(Languages("UTC").known) - {"en"})
SAMPLES = {name: read_samples(folder("email_templates"), kind) for name, kind in EMAILS.items()}

ISOLATES = re.compile("[\u2068\u2069]")


@each_language("tag", {tag: tag for tag in TAGS})
def test_every_sample_says_its_language_and_has_a_short_inbox_row(tag: str) -> None:
    language = Languages("UTC").choose(tag)
    templates = branded()
    for samples in SAMPLES.values():
        for props in samples.values():
            mail = templates.render(props, language)
            assert f'<html lang="{tag}" dir="{language.direction}"' in mail.html
            assert 0 < len(mail.subject) <= 70
            assert 0 < len(mail.preheader) <= 120
            assert not ISOLATES.search(mail.subject + mail.preheader)


@pytest.mark.parametrize("tag", ["ar", "hi"])
@pytest.mark.parametrize("name", EMAILS)
@pytest.mark.long
def test_no_letter_that_joins_is_parted_from_the_next(name: str, tag: str) -> None:
    mail = branded().render(next(iter(SAMPLES[name].values())), Languages("UTC").choose(tag))
    assert "letter-spacing" not in mail.html


def test_addresses_and_names_in_latin_letters_stand_apart_in_an_arabic_text() -> None:
    text = branded().render(SAMPLES["password_changed"]["school"], Languages("UTC").choose("ar")).text
    for value in ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "Harbour Primary School", "office@harbour-primary.example"):
        assert f"\u2068{value}\u2069" in text
    assert "\nhttps://account.northwind.example/forgot-password\n" in text


@pytest.mark.long
def test_every_language_that_needs_them_names_fonts_that_have_its_letters() -> None:
    templates, languages = branded(), Languages("UTC")
    viewer = SAMPLES["password_reset"]["viewer"]
    html = {tag: templates.render(viewer, languages.choose(tag)).html for tag in languages.known}
    named = "ar: Noto Sans Arabic, hi: Noto Sans Devanagari, ja: Hiragino Sans, ko: Malgun Gothic, "
    named += "zh-Hans: PingFang SC, zh-Hant: PingFang TC"
    for tag, font in (one.split(": ") for one in named.split(", ")):
        assert [other for other in html if font in html[other]] == [tag]
