"""The packaged catalogues: the template holds every text that people see, and each language has all of them."""

import re
from gettext import c2py
from pathlib import Path

import pytest
from babel.messages import Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from tests.every_language import each_language

from keyturn.mail.languages import PACKAGED, Language, Languages, catalogue_faults
from keyturn.mail.languages.catalogues import read_catalogue, text_of

CHECKOUT = Path(__file__).parents[3]
TEMPLATE = PACKAGED / "keyturn.pot"
LANGUAGES = Languages("UTC")
TRANSLATED = {tag: language for tag, language in LANGUAGES.known.items() if tag != "en"}

in_each_language = each_language("language", TRANSLATED, others=pytest.mark.long)


@pytest.mark.long
def test_it_holds_the_texts_of_the_mails_and_the_pages_and_no_others() -> None:
    with (CHECKOUT / "babel.cfg").open() as mapping:
        methods, options = parse_mapping_cfg(mapping)  # type: ignore[no-untyped-call]
    found = {
        (message, context)
        for folder in ("src/keyturn", "email_templates")
        for _, _, message, _, context in extract_from_dir(
            CHECKOUT / folder, methods, options, directory_filter=lambda path: not Path(path).name.startswith(".")
        )
    }
    assert {(message.id, message.context) for message in template()} == found, "run `just messages`"


def test_there_are_the_languages_that_are_promised() -> None:
    assert set(LANGUAGES.known) == {
        "ar", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "id", "it", "ja", "ko", "nb", "nl", "pl",
        "pt-BR", "ru", "sv", "tr", "uk", "zh-Hans", "zh-Hant",
    }  # fmt: skip


@in_each_language
def test_a_catalogue_says_whether_a_native_reader_has_looked_at_it(language: Language) -> None:
    (file,) = language.files
    assert re.search(r"^# Native-Reader: (none|\S.*)$", file.read_text("utf-8"), re.MULTILINE)


@in_each_language
def test_a_plural_has_the_forms_that_cldr_has_for_whole_numbers(language: Language) -> None:
    (file,) = language.files
    form = read_catalogue(file, language.locale).plural_expr
    chosen = c2py(form)
    by_category: dict[str, set[int]] = {}
    for number in range(1000):
        by_category.setdefault(language.locale.plural_form(number), set()).add(chosen(number))

    assert all(len(forms) == 1 for forms in by_category.values()), "one category, one form"
    assert len(set.union(*by_category.values())) == len(by_category), "one form, one category"


@in_each_language
def test_every_text_is_translated(language: Language) -> None:
    wanted = {text_of(message) for message in template()}

    assert language.catalogues.translated_texts(language.locale) == wanted


def test_no_catalogue_has_a_fault() -> None:
    assert not list(catalogue_faults(LANGUAGES.catalogues))


@in_each_language
def test_no_text_begins_or_ends_otherwise_than_in_english(language: Language) -> None:
    for message in template():
        if isinstance(message.id, str):
            translated = (
                language.translations.pgettext(message.context, message.id)
                if message.context
                else language.translations.gettext(message.id)
            )
            assert translated.strip() == translated
            assert translated.count("<b>") == translated.count("</b>") == message.id.count("<b>")


def template() -> list[Message]:
    with TEMPLATE.open("rb") as file:
        return [message for message in read_po(file) if message.id]
