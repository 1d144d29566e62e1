"""Translators' catalogues, gettext's .po files read without compiling, and the faults in them.

A .mo file is used if it has no .po file beside it. A service in English alone reads none.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from babel import Locale, UnknownLocaleError
from msgspec import Struct

from keyturn.errors import CatalogueInvalid
from keyturn.plain_files import leads_out, read_plain_file

if TYPE_CHECKING:
    from babel.messages import Catalog, Message

PACKAGED = Path(__file__).parent / "locales"
ANY = "*"
_LARGEST = 20_000_000

_EXTENSION = re.compile(r"[-_][A-Za-z0-9][-_].*", re.DOTALL)
"""What follows a language in a tag: an order of sorting, a calendar, private use (RFC 5646, 2.2.6
and 2.2.7).
"""

_LINE = re.compile(r'(?:(?:msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?)\s*)?"(?:[^"\\]|\\.)*"')


class Catalogues(Struct, frozen=True):
    """Folders of catalogues, `LANGUAGE/LC_MESSAGES/DOMAIN.po`. The last folder is searched first.

    With the domain `ANY` all catalogues of a folder are one. Links must stay within both the
    `bounds` and the folders.
    """

    folders: tuple[Path, ...] = (PACKAGED,)
    domain: str = "keyturn"
    bounds: Path | None = None

    def languages(self) -> Iterator[tuple[Path, Locale | None]]:
        """Yield each language's folder; the locale is None if CLDR does not know
        the folder's name.
        """
        for folder in self.folders:
            for path in sorted(folder.glob("*")):
                if (path / "LC_MESSAGES").is_dir() and _files(path, self.domain):
                    yield path, parse_locale(path.name)

    def files(self, locale: Locale) -> list[Path]:
        """Return the files that are searched for a language's texts, in order: German ones for
        "de-AT" too.
        """
        known = [(path, str(of)) for path, of in self.languages()][::-1]
        folders = (path for name in lineage(locale) for path, of in known if of == name)
        return [file for folder in folders for file in _files(folder, self.domain)]

    def translations(self, locale: Locale) -> NullTranslations:
        """Return a language's texts. Raises CatalogueInvalid."""
        texts = NullTranslations()
        for file in reversed(self.files(locale)):
            each = compile_catalogue(file, locale, self.bounds)
            each.add_fallback(texts)
            texts = each
        return texts

    def translated_texts(self, locale: Locale) -> frozenset["TextKey"]:
        """Return the texts that a language translates. Raises CatalogueInvalid."""
        return frozenset(
            key_of(message)
            for file in self.files(locale)
            for message in read_catalogue(file, locale, self.bounds)
            if message.id and not message.fuzzy and all(strings(message.string))
        )


class TextKey(NamedTuple):
    """The key of a translation: the source text, for a plural its first form, and its context."""

    text: str
    context: str = ""


def key_of(message: "Message") -> TextKey:
    return TextKey(strings(message.id)[0], message.context or "")


@lru_cache(1024)
def parse_locale(name: str) -> Locale | None:
    """Return the locale of a tag or a folder's name; None if CLDR does not know it.

    Babel looks at a thousand files.
    """
    try:
        return Locale.parse(_EXTENSION.sub("", name).replace("-", "_"))
    except (ValueError, TypeError, UnknownLocaleError):
        return None


def lineage(locale: Locale) -> list[str]:
    """Return the names for a locale's texts, the nearest first (RFC 4647, 3.4)."""
    parts = str(locale).split("_")
    return ["_".join(parts[:length]) for length in range(len(parts), 0, -1)]


def read_catalogue(file: Path, locale: Locale, bounds: Path | None = None) -> "Catalog":
    """Return a catalogue with its lines.

    Raises CatalogueInvalid, also for a link out of `bounds` and of the folder.
    """
    # Imported here, because a service in English never needs it.
    from babel.messages.mofile import read_mo
    from babel.messages.pofile import PoFileError, read_po

    folder = file.parents[2]
    if leads_out(file, bounds) and leads_out(file, folder.parent.resolve() / folder.name):
        raise CatalogueInvalid(
            str(file), None, "is a link to a file outside the folder, which Keyturn does not read"
        )
    try:
        content = read_plain_file(file, _LARGEST)
        if file.suffix == ".mo":
            return read_mo(BytesIO(content))
        _require_whole_lines(file, content)
        return read_po(BytesIO(content), locale=locale, abort_invalid=True)
    except CatalogueInvalid:
        raise
    except PoFileError as error:
        raise CatalogueInvalid(
            str(file), error.lineno, error.args[0].partition(" on ")[0]
        ) from error
    except Exception as error:  # Babel raises arbitrary errors for a file that is not a catalogue
        raise CatalogueInvalid(str(file), None, f"cannot be read: {error}") from error


def _require_whole_lines(file: Path, content: bytes) -> None:
    """Raise CatalogueInvalid for a missing quote: Babel would take the last letter for it."""
    for number, line in enumerate(content.decode("utf-8-sig", "replace").splitlines(), 1):
        if (text := line.strip()) and not text.startswith("#") and not _LINE.fullmatch(text):
            raise CatalogueInvalid(
                str(file), number, 'is not a line of a .po file, such as msgstr "text"'
            )


def compile_catalogue(file: Path, locale: Locale, bounds: Path | None = None) -> GNUTranslations:
    from babel.messages.mofile import write_mo

    catalogue, binary = read_catalogue(file, locale, bounds), BytesIO()
    try:
        write_mo(binary, catalogue)  # without fuzzy texts, which await review
        binary.seek(0)
        return GNUTranslations(binary)
    except Exception as error:
        raise CatalogueInvalid(str(file), None, f"cannot be used: {error}") from error


def strings(text: str | Sequence[str] | None) -> Sequence[str]:
    return [text or ""] if text is None or isinstance(text, str) else text


def _files(folder: Path, domain: str) -> list[Path]:
    files = [
        path for path in sorted((folder / "LC_MESSAGES").glob(f"{domain}.[pm]o")) if path.is_file()
    ]
    return [path for path in files if path.suffix == ".po" or path.with_suffix(".po") not in files]


_PLACE = re.compile(r"%\((\w+)\)")
_SIGN = re.compile(r"%(?!%|\(\w+\)[#0\- +]*[\d.]*[diouxXeEfFgGcrs])")
_SHOWN = 60
_Kind = Literal["unknown-language", "unreadable", "placeholders", "plurals", "fuzzy"]


class CatalogueFault(Struct, frozen=True):
    """A fault at a line, from 1, of a source text or the whole catalogue.

    "fuzzy" only leaves it untranslated.
    """

    kind: _Kind
    file: Path
    line: int
    message: str
    text: TextKey | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def catalogue_faults(catalogues: Catalogues) -> Iterator[CatalogueFault]:
    for folder, locale in catalogues.languages():
        if locale is None:
            message = f"{folder.name} is not a language: name folders as in de, pt_BR or zh_Hant"
            yield CatalogueFault("unknown-language", folder, 1, message)
            continue
        for file in _files(folder, catalogues.domain):
            status = file.stat()
            yield from _faults_of_file(
                file, locale, catalogues.bounds, (status.st_mtime_ns, status.st_size)
            )


@lru_cache(64)
def _faults_of_file(
    file: Path, locale: Locale, bounds: Path | None, _state: tuple[int, int]
) -> tuple[CatalogueFault, ...]:
    """Check each version of a file once: every check asks for all catalogues, even if only other
    files changed.
    """
    try:
        catalogue = read_catalogue(file, locale, bounds)
        compile_catalogue(file, locale, bounds)
    except CatalogueInvalid as error:
        return (CatalogueFault("unreadable", file, error.line or 1, error.message),)
    return tuple(
        CatalogueFault(kind, file, message.lineno or 1, fault, key_of(message))
        for message in catalogue
        if message.id
        for kind, fault in _faults_of_message(message, catalogue.num_plurals)
    )


def _faults_of_message(message: "Message", plurals: int) -> Iterator[tuple[_Kind, str]]:
    source = f'"{excerpt(key_of(message).text)}"'
    if message.fuzzy:
        yield "fuzzy", f"{source} is marked as fuzzy, so it is not used"
        return
    texts = [text for text in strings(message.string) if text]
    if message.pluralizable and texts and len(texts) != plurals:
        yield "plurals", f"{source} has {len(texts)} of the {plurals} plural forms of this language"
    known = {name for text in strings(message.id) for name in _place_names(text)}
    if not known and not any("%%" in text for text in strings(message.id)):
        return  # the text is never filled in, so a percent sign is literal
    for text in texts:
        if unknown := sorted(_place_names(text) - known):
            there = (
                f"use one of {', '.join(sorted(known))}"
                if known
                else "the text has no placeholders"
            )
            yield "placeholders", f"{source} has no placeholder %({unknown[0]})s; {there}"
        elif _SIGN.search(text.replace("%%", "")):
            yield "placeholders", f"{source}: write a plain percent sign as %%"
        # The singular may omit its number: "an hour".
        elif not message.pluralizable and (missing := sorted(known - _place_names(text))):
            yield "placeholders", f"the translation of {source} lacks %({missing[0]})s"


def excerpt(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= _SHOWN else f"{one[: _SHOWN - 1].rstrip()}…"


def _place_names(text: str) -> set[str]:
    return set(_PLACE.findall(text.replace("%%", "")))
