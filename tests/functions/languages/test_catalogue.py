"""The packaged catalogues: each language has every text that people see, with one word for a term (its glossary)."""

import re
import tomllib
from collections.abc import Iterator
from gettext import c2py
from pathlib import Path

import pytest
from babel.messages import Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from tests.every_language import each_language

from keyturn.mail.languages import PACKAGED, Language, Languages, catalogue_faults
from keyturn.mail.languages.catalogues import read_catalogue, strings, text_of

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
def test_a_plural_has_the_forms_that_cldr_has_for_whole_numbers(language: Language) -> None:
    (file,) = language.files
    chosen = c2py(read_catalogue(file, language.locale).plural_expr)
    by_category: dict[str, set[int]] = {}
    for number in range(1000):
        by_category.setdefault(language.locale.plural_form(number), set()).add(chosen(number))

    assert all(len(forms) == 1 for forms in by_category.values()), "one category, one form"
    assert len(set.union(*by_category.values())) == len(by_category), "one form, one category"


@in_each_language
def test_every_text_is_translated_and_begins_and_ends_as_in_english(language: Language) -> None:
    (file,) = language.files
    assert re.search(r"^# Native-Reader: (none|\S.*)$", file.read_text("utf-8"), re.MULTILINE)
    assert language.catalogues.translated_texts(language.locale) == {text_of(message) for message in template()}
    for english, text in texts(language):
        assert text.strip() == text
        assert text.count("<b>") == text.count("</b>") == english.count("<b>")


def test_no_catalogue_has_a_fault() -> None:
    assert not list(catalogue_faults(LANGUAGES.catalogues))


TERMS = {
    "sign_in": r"\bsign(s|ed)? in\b|\bsign-in\b",
    "sign_out": r"\bsign(s|ed|ing)? out\b",
    "session": r"\bsessions?\b",
    "device": r"\bdevices?\b",
    "link": r"\blinks?\b",
    "code": r"\bcodes?\b",
    "second_step": r"\bsecond step\b",
    "support": r"\bsupport\b",
    "digit": r"\bdigits?\b",
    "request": r"\brequest(s|ed)?\b",
}
"""The terms of the English texts."""


@in_each_language
def test_a_text_with_a_term_has_the_word_of_the_glossary_and_none_has_another(language: Language) -> None:
    glossary = tomllib.loads((PACKAGED / str(language.locale) / "glossary.toml").read_text("utf-8"))

    assert {name: {*term} for name, term in glossary.items()} == {name: {"word", "forms", "never"} for name in TERMS}
    for english, text in texts(language):
        without_names = re.sub(r"%\(\w+\)s", "", text)
        for name, term in glossary.items():
            if re.search(TERMS[name], english, re.IGNORECASE):
                assert re.search(term["forms"], text, re.IGNORECASE), (name, text)
            assert not re.search(term["never"], without_names, re.IGNORECASE), (name, text)


def texts(language: Language) -> Iterator[tuple[str, str]]:
    """Yield each English text with its translation, for a plural with each of its forms."""
    (file,) = language.files
    for message in read_catalogue(file, language.locale):
        for text in strings(message.string) if message.id else ():
            yield strings(message.id)[0], text


def template() -> list[Message]:
    with TEMPLATE.open("rb") as file:
        return [message for message in read_po(file) if message.id]
