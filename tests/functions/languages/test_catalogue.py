"""The packaged catalogues: each language has every text, with one word for a term; what is told of
a faulty one.
"""

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

from keyturn.errors import CatalogueInvalid
from keyturn.mail.languages.catalogues import (
    PACKAGED,
    catalogue_faults,
    key_of,
    read_catalogue,
    strings,
)
from keyturn.mail.languages.language import Language, Languages

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
            CHECKOUT / folder,
            methods,
            options,
            directory_filter=lambda path: not Path(path).name.startswith("."),
        )
    }
    assert {(message.id, message.context) for message in template()} == found, "run `just messages`"


def test_there_are_the_languages_that_are_promised() -> None:
    assert set(LANGUAGES.known) == {
        "ar", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "id", "it", "ja", "ko",
        "nb", "nl", "pl", "pt-BR", "ru", "sv", "tr", "uk", "zh-Hans", "zh-Hant",
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
    assert language.catalogues.translated_texts(language.locale) == {
        key_of(message) for message in template()
    }
    for english, text in texts(language):
        assert text.strip() == text
        assert text.count("<b>") == text.count("</b>") == english.count("<b>")


def test_no_catalogue_has_a_fault() -> None:
    assert not list(catalogue_faults(LANGUAGES.catalogues))
    known = {key_of(message) for message in template()}
    for own in CHECKOUT.glob("examples/*/locales/*/LC_MESSAGES/keyturn.po"):
        found = read_catalogue(own, LANGUAGES.known["en"].locale)
        assert {key_of(message) for message in found if message.id} <= known, own


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
def test_a_text_with_a_term_has_the_word_of_the_glossary_and_none_has_another(
    language: Language,
) -> None:
    glossary = tomllib.loads((PACKAGED / str(language.locale) / "glossary.toml").read_text("utf-8"))

    assert {name: {*term} for name, term in glossary.items()} == {
        name: {"word", "forms", "never"} for name in TERMS
    }
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


HEADER = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""


def in_german(folder: Path, text: str, header: str = HEADER) -> Languages:
    file = folder / "de" / "LC_MESSAGES" / "keyturn.po"
    file.parent.mkdir(parents=True)
    file.write_text(header + text, "utf-8")
    return Languages("UTC", folder)


def test_a_good_catalogue_has_no_fault(tmp_path: Path) -> None:
    text = (
        '#, python-format\nmsgid "Hello %(name)s, 100%%"\nmsgstr "100%% für %(name)s"\n\n'
        'msgid "50% off"\nmsgstr "50% weniger"\n\n'
        'msgid "%(num)s boat"\nmsgid_plural "%(num)s boats"\nmsgstr[0] "ein Boot"\nmsgstr[1] '
        '"%(num)s Boote"\n\n'
        '#~ msgid "gone"\n#~ msgstr "weg"\n\nmsgid "not yet"\nmsgstr ""\n'
    )

    assert not list(catalogue_faults(in_german(tmp_path, text).catalogues))


HELLO = 'msgid "Hello %(name)s"\nmsgstr '


@pytest.mark.parametrize(
    ("text", "kind", "line", "message"),
    [
        (
            f'{HELLO}"Hallo %(nmae)s"\n',
            "placeholders",
            6,
            "has no placeholder %(nmae)s; use one of name",
        ),
        (f'{HELLO}"Hallo"\n', "placeholders", 6, "lacks %(name)s"),
        (f'{HELLO}"100 % für %(name)s"\n', "placeholders", 6, "write a plain percent sign as %%"),
        (
            '#, python-format\nmsgid "100%%"\nmsgstr "%(x)s"\n',
            "placeholders",
            7,
            "the text has no placeholders",
        ),
        (
            'msgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"\n',
            "plurals",
            6,
            "has 1 of the 2 plural forms",
        ),
        ('#, fuzzy\nmsgid "a"\nmsgstr "b"\n', "fuzzy", 7, '"a" is marked as fuzzy'),
        ('msgid "a"\nmsgstr "b\n', "unreadable", 7, "not a line of a .po file"),
        ('msgid "a"\n\nmsgstr "b" "c"\n', "unreadable", 8, "not a line of a .po file"),
        ("nplurals=2; plural=__import__('os')", "unreadable", 1, "plural form"),
        ("nplurals=2; plural=n n", "unreadable", 1, "plural form"),
    ],
)
def test_a_fault_is_told_at_its_line(
    text: str, kind: str, line: int, message: str, tmp_path: Path
) -> None:
    if text.startswith("nplurals"):
        languages = in_german(tmp_path, "", HEADER.replace("nplurals=2; plural=(n != 1)", text))
    else:
        languages = in_german(tmp_path, text)
    (fault,) = catalogue_faults(languages.catalogues)

    assert (fault.kind, fault.line, fault.file) == (
        kind,
        line,
        tmp_path / "de" / "LC_MESSAGES" / "keyturn.po",
    )
    assert message in fault.message
    assert str(fault).startswith(f"{fault.file}:{line}: ")


def test_a_broken_catalogue_is_told_by_whoever_speaks_its_language(tmp_path: Path) -> None:
    languages = in_german(tmp_path, 'msgid "a"\nmsgstr "b\n')

    with pytest.raises(CatalogueInvalid, match=r"keyturn\.po:7: is not a line"):
        languages.choose("de").gettext("a")
    assert languages.choose("en").gettext("a") == "a"
