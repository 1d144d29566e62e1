"""Which language is spoken to whom: by what browsers and accounts call it, and what is closest to
that.
"""

from pathlib import Path

import pytest

from keyturn.mail.languages.language import Languages


def speaking(folder: Path, *names: str) -> Languages:
    """Return languages of which there are the catalogues of these names, and English."""
    for name in names:
        file = folder / name / "LC_MESSAGES" / "keyturn.po"
        file.parent.mkdir(parents=True)
        file.write_text('msgid "one"\nmsgstr "1"\n', "utf-8")
    return Languages("UTC", folder)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("fr, de;q=0.8, pt-BR;q=0.9", "pt-BR"), ("en, de;q=0.5", "en"), ("de;q=0, *", "en"),
        ("en ; Q=0.5,\tde\t;\tq=0.9", "de"), (";;;q=,,x;q=high, ../../etc/passwd", "en"),
    ],
)  # fmt: skip
def test_a_browser_is_answered_in_what_it_prefers_of_what_there_is(
    accepted: str, chosen: str, tmp_path: Path
) -> None:
    assert speaking(tmp_path, "de", "pt_BR").choose("", accepted).tag == chosen


@pytest.mark.parametrize(
    ("tag", "chosen"),
    [
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh-TW", "zh-Hant"),
        ("zh_HK", "zh-Hant"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("no", "nb"),
        ("nn", "nb"),
        ("iw", "he"),
        ("he_IL", "he"),
        ("in", "id"),
        ("es-419", "es"),
        ("sv-FI", "sv"),
        ("UK-ua", "uk"),
        ("en-GB", "en"),
        ("de-DE-u-co-phonebk", "de"),
        ("it_IT_x_formal", "it"),
        ("zh-Hant-TW-u-ca-roc-x-own", "zh-Hant"),
        ("fr-t-en-m0-true", "fr"),
    ],
)
def test_whatever_a_language_is_called_it_is_found(tag: str, chosen: str) -> None:
    packaged = Languages("UTC")

    assert packaged.choose(tag, "ja").tag == chosen
    assert packaged.choose("", f"{tag}, ja;q=0.9").tag == chosen


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (
            ("pt_BR", "pt_PT", "nb", "nn"),
            {"pt-PT": "pt-PT", "pt": "pt-BR", "nn": "nn", "nb": "nb", "no": "nb"},
        ),
        (("zh_Hant",), {"zh-TW": "zh-Hant", "zh-CN": "en", "zh": "en"}),
        ((), {"de": "en", "en": "en"}),
    ],
    ids=[
        "the tag itself before what is close to it",
        "another script is not close",
        "English without any catalogue",
    ],
)
def test_what_is_close_stands_in(
    names: tuple[str, ...], chosen: dict[str, str], tmp_path: Path
) -> None:
    languages = speaking(tmp_path, *names)

    assert {tag: languages.choose(tag).tag for tag in chosen} == chosen


def test_the_languages_that_are_named_are_the_only_ones_and_the_first_is_the_last_resort() -> None:
    languages = Languages("UTC", only=["de", "zh-Hant", "en"])
    chosen = {"": "de", "fr": "de", "zh-CN": "de", "zh-TW": "zh-Hant", "en-GB": "en"}

    assert set(languages.known) == {"de", "en", "zh-Hant"}
    assert {tag: languages.choose(tag).tag for tag in chosen} == chosen


def test_a_header_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    assert speaking(tmp_path, "de").choose("", "xx," * 100_000 + "de").tag == "en"
