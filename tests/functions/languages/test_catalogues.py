"""Catalogues that have a fault: what is told of it, and where."""

from pathlib import Path

import pytest

from keyturn.errors import CatalogueInvalid
from keyturn.mail.languages import Languages, catalogue_faults

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
        'msgid "%(num)s boat"\nmsgid_plural "%(num)s boats"\nmsgstr[0] "ein Boot"\nmsgstr[1] "%(num)s Boote"\n\n'
        '#~ msgid "gone"\n#~ msgstr "weg"\n\nmsgid "not yet"\nmsgstr ""\n'
    )

    assert not list(catalogue_faults(in_german(tmp_path, text).catalogues))


HELLO = 'msgid "Hello %(name)s"\nmsgstr '


@pytest.mark.parametrize(
    ("text", "kind", "line", "message"),
    [
        (f'{HELLO}"Hallo %(nmae)s"\n', "placeholders", 6, "has no placeholder %(nmae)s; use one of name"),
        (f'{HELLO}"Hallo"\n', "placeholders", 6, "lacks %(name)s"),
        (f'{HELLO}"100 % für %(name)s"\n', "placeholders", 6, "write a plain percent sign as %%"),
        ('#, python-format\nmsgid "100%%"\nmsgstr "%(x)s"\n', "placeholders", 7, "the text has no placeholders"),
        ('msgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"\n', "plurals", 6, "has 1 of the 2 plural forms"),
        ('#, fuzzy\nmsgid "a"\nmsgstr "b"\n', "fuzzy", 7, '"a" is marked as fuzzy'),
        ('msgid "a"\nmsgstr "b\n', "unreadable", 7, "not a line of a .po file"),
        ('msgid "a"\n\nmsgstr "b" "c"\n', "unreadable", 8, "not a line of a .po file"),
        ("nplurals=2; plural=__import__('os')", "unreadable", 1, "plural form"),
        ("nplurals=2; plural=n n", "unreadable", 1, "plural form"),
    ],
)
def test_a_fault_is_told_at_its_line(text: str, kind: str, line: int, message: str, tmp_path: Path) -> None:
    if text.startswith("nplurals"):
        languages = in_german(tmp_path, "", HEADER.replace("nplurals=2; plural=(n != 1)", text))
    else:
        languages = in_german(tmp_path, text)
    (fault,) = catalogue_faults(languages.catalogues)

    assert (fault.kind, fault.line, fault.file) == (kind, line, tmp_path / "de" / "LC_MESSAGES" / "keyturn.po")
    assert message in fault.message
    assert str(fault).startswith(f"{fault.file}:{line}: ")


def test_a_broken_catalogue_is_told_by_whoever_speaks_its_language(tmp_path: Path) -> None:
    languages = in_german(tmp_path, 'msgid "a"\nmsgstr "b\n')

    with pytest.raises(CatalogueInvalid, match=r"keyturn\.po:7: is not a line"):
        languages.choose("de").gettext("a")
    assert languages.choose("en").gettext("a") == "a"
