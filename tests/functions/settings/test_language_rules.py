"""Which languages are in use, and errors in your own catalogues."""

from pathlib import Path

import pytest
from tests.functions.settings.reading import Faults, Read


def written(folder: Path, language: str, text: str) -> None:
    (folder / language / "LC_MESSAGES").mkdir(parents=True)
    (folder / language / "LC_MESSAGES" / "keyturn.po").write_text(text, "utf-8")


def test_one_s_own_catalogues_are_read_and_the_languages_may_be_fewer(read: Read, tmp_path: Path) -> None:
    written(tmp_path / "locales", "ro", 'msgid "Email"\nmsgstr "E-mail"\n')
    written(tmp_path / "locales", "nl", 'msgid "Email"\nmsgstr "E-mail"\n\n#, fuzzy\nmsgid "Show"\nmsgstr "Tonen"\n')

    assert read('locales = "locales"').locales == "locales"

    settings = read('locales = "locales"\nlanguages = ["ro", "pt-BR", "zh-TW", "de-AT", "en-GB"]')
    assert settings.languages[0] == "ro"


def test_a_language_without_a_catalogue_is_told_and_a_folder_without_any(faults: Faults, tmp_path: Path) -> None:
    assert faults(KEYTURN_LANGUAGES="de,klingon!") == {"languages": "no such language: klingon!"}
    assert faults(KEYTURN_LANGUAGES="ro") == {"languages": "no catalogue for ro: put one into `locales`"}
    (tmp_path / "empty").mkdir()
    for folder in ("nowhere", "empty"):
        assert "no catalogue in" in faults(f'locales = "{folder}"')["locales"]


@pytest.mark.parametrize(
    ("language", "text", "fault"),
    [
        ("nl", 'msgid "Email"\nmsgstr "E-mail\n', "locales/nl/LC_MESSAGES/keyturn.po:2: is not a line of a .po file"),
        ("nl", 'msgid "For %(a)s"\nmsgstr "Voor %(b)s"\n', 'locales/nl/LC_MESSAGES/keyturn.po:1: "For %(a)s" has no'),
        ("dutch", 'msgid "Email"\nmsgstr "E-mail"\n', "locales/dutch:1: dutch is not a language"),
    ],
)
def test_catalogue_faults_have_a_line(faults: Faults, tmp_path: Path, language: str, text: str, fault: str) -> None:
    written(tmp_path / "locales", language, text)

    assert faults('locales = "locales"')["locales"].startswith(fault)
