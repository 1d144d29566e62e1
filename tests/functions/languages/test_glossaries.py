"""The glossaries: each language has one word for a term, and no text uses another."""

import re
import tomllib
from collections.abc import Iterator

import pytest
from tests.every_language import each_language

from keyturn.mail.languages import PACKAGED, Language, Languages
from keyturn.mail.languages.catalogues import read_catalogue, strings

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

LANGUAGES = {tag: language for tag, language in Languages("UTC").known.items() if tag != "en"}

in_each_language = each_language("language", LANGUAGES, others=pytest.mark.long)


def glossary(language: Language) -> dict[str, dict[str, str]]:
    return tomllib.loads((PACKAGED / str(language.locale) / "glossary.toml").read_text("utf-8"))


def texts(language: Language) -> Iterator[tuple[str, str]]:
    """Yield each English text with its translation, for a plural with each of its forms."""
    (file,) = language.files
    for message in read_catalogue(file, language.locale):
        for text in strings(message.string) if message.id else ():
            yield strings(message.id)[0], text


@in_each_language
def test_a_glossary_has_every_term_and_a_word_that_is_one_of_its_forms(language: Language) -> None:
    terms = glossary(language)

    assert set(terms) == set(TERMS)
    for term in terms.values():
        assert set(term) == {"word", "forms", "never"}


@in_each_language
def test_a_text_with_a_term_has_the_word_of_the_glossary(language: Language) -> None:
    terms = glossary(language)

    assert [
        (name, text)
        for english, text in texts(language)
        for name, term in TERMS.items()
        if re.search(term, english, re.IGNORECASE) and not re.search(terms[name]["forms"], text, re.IGNORECASE)
    ] == []


@in_each_language
def test_no_text_has_another_word_for_a_term(language: Language) -> None:
    terms = glossary(language)

    assert [
        (name, found[0], text)
        for _, text in texts(language)
        for name, term in terms.items()
        if (found := re.search(term["never"], re.sub(r"%\(\w+\)s", "", text), re.IGNORECASE))
    ] == []
