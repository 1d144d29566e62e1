"""Reads translators' catalogues, and finds the faults in them.

They are gettext's .po files, which need no compiling. A .mo file is used if it has no .po file
beside it. A service in English alone reads none.
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
"""Stands for all domains."""

_LARGEST = 20_000_000
"""Bytes of a catalogue."""

_EXTENSION = re.compile(r"[-_][A-Za-z0-9][-_].*", re.DOTALL)
"""What follows a language in a tag: an order of sorting, a calendar, private use (RFC 5646, 2.2.6
and 2.2.7).
"""

_LINE = re.compile(r'(?:(?:msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?)\s*)?"(?:[^"\\]|\\.)*"')


class Catalogues(Struct, frozen=True):
    """Folders of catalogues, `LANGUAGE/LC_MESSAGES/DOMAIN.po`.

    `folders`: the last is searched first.
    `domain`: with `ANY`, all catalogues of a folder are one.
    `bounds`: a link must lead into this folder, or into the one that is searched; None allows all.
    """

    folders: tuple[Path, ...] = (PACKAGED,)
    domain: str = "keyturn"
    bounds: Path | None = None

    def languages(self) -> Iterator[tuple[Path, Locale | None]]:
        """Yield each language's folder and locale; None if CLDR does not know the folder's name."""
        for folder in self.folders:
            for path in sorted(folder.glob("*")):
                if (path / "LC_MESSAGES").is_dir() and _files(path, self.domain):
                    yield path, parse_locale(path.name)

    def files(self, locale: Locale) -> list[Path]:
        """Return the files that are searched for a language's texts, in order.

        Those of "de-AT" are followed by those of "de".
        """
        known = list(self.languages())
        known.reverse()  # the last folder is searched first
        files: list[Path] = []
        for name in lineage(locale):
            for folder, language in known:
                if str(language) == name:
                    files += _files(folder, self.domain)
        return files

    def translations(self, locale: Locale) -> NullTranslations:
        """Return a language's texts. Raises CatalogueInvalid."""
        texts = NullTranslations()
        for file in reversed(self.files(locale)):
            nearer = compile_catalogue(file, locale, self.bounds)
            nearer.add_fallback(texts)
            texts = nearer
        return texts

    def translated_texts(self, locale: Locale) -> frozenset["TextKey"]:
        """Return the texts that a language translates. Raises CatalogueInvalid."""
        translated: set[TextKey] = set()
        for file in self.files(locale):
            for message in read_catalogue(file, locale, self.bounds):
                is_complete = all(strings(message.string))
                if message.id and is_complete and not message.fuzzy:
                    translated.add(key_of(message))
        return frozenset(translated)


class TextKey(NamedTuple):
    """The key of a translation: the source text, for a plural its first form, and its context."""

    text: str
    context: str = ""


def key_of(message: "Message") -> TextKey:
    return TextKey(strings(message.id)[0], message.context or "")


@lru_cache(1024)
def parse_locale(name: str) -> Locale | None:
    """Return the locale of a tag or a folder's name; None if CLDR does not know it.

    Results are cached, because Babel looks at a thousand files.
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

    Raises CatalogueInvalid, also for a link that leads out of both `bounds` and the folder of the
    languages.
    """
    # Imported here, because a service in English never needs it.
    from babel.messages.mofile import read_mo
    from babel.messages.pofile import PoFileError, read_po

    folder = file.parents[2]
    if leads_out(file, bounds) and leads_out(file, folder.parent.resolve() / folder.name):
        message = "is a link to a file outside the folder, which Keyturn does not read"
        raise CatalogueInvalid(str(file), None, message)
    try:
        content = read_plain_file(file, _LARGEST)
        if file.suffix == ".mo":
            return read_mo(BytesIO(content))
        _require_whole_lines(file, content)
        return read_po(BytesIO(content), locale=locale, abort_invalid=True)
    except CatalogueInvalid:
        raise
    except PoFileError as error:
        message = error.args[0].partition(" on ")[0]
        raise CatalogueInvalid(str(file), error.lineno, message) from error
    except Exception as error:  # Babel raises arbitrary errors for a file that is not a catalogue
        raise CatalogueInvalid(str(file), None, f"cannot be read: {error}") from error


def _require_whole_lines(file: Path, content: bytes) -> None:
    """Raise CatalogueInvalid for a missing quote: Babel would take the last letter for it."""
    lines = content.decode("utf-8-sig", "replace").splitlines()
    for number, line in enumerate(lines, 1):
        written = line.strip()
        has_text = written and not written.startswith("#")
        if has_text and not _LINE.fullmatch(written):
            message = 'is not a line of a .po file, such as msgstr "text"'
            raise CatalogueInvalid(str(file), number, message)


def compile_catalogue(file: Path, locale: Locale, bounds: Path | None = None) -> GNUTranslations:
    """Return the texts of a catalogue, without fuzzy ones, which await review.

    Raises CatalogueInvalid.
    """
    from babel.messages.mofile import write_mo

    catalogue = read_catalogue(file, locale, bounds)
    binary = BytesIO()
    try:
        write_mo(binary, catalogue)
        binary.seek(0)
        return GNUTranslations(binary)
    except Exception as error:
        raise CatalogueInvalid(str(file), None, f"cannot be used: {error}") from error


def strings(text: str | Sequence[str] | None) -> Sequence[str]:
    """Return the forms of a text in Babel: one, or several for a plural."""
    if text is None:
        return [""]
    if isinstance(text, str):
        return [text]
    return text


def _files(folder: Path, domain: str) -> list[Path]:
    """Return a language's catalogues, without a .mo file that has a .po file beside it."""
    paths = sorted((folder / "LC_MESSAGES").glob(f"{domain}.[pm]o"))
    files = [path for path in paths if path.is_file()]
    return [path for path in files if path.suffix == ".po" or path.with_suffix(".po") not in files]


_PLACE = re.compile(r"%\((\w+)\)")
_SIGN = re.compile(r"%(?!%|\(\w+\)[#0\- +]*[\d.]*[diouxXeEfFgGcrs])")
"""A percent sign that begins no placeholder."""

_SHOWN = 60
"""Characters of a text that a fault shows."""

_Kind = Literal["unknown-language", "unreadable", "placeholders", "plurals", "fuzzy"]


class CatalogueFault(Struct, frozen=True):
    """A fault in a catalogue.

    `kind`: "fuzzy" only leaves a text untranslated.
    `line`: from 1.
    `text`: None for a fault of the whole catalogue.
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
            state = (status.st_mtime_ns, status.st_size)
            yield from _faults_of_file(file, locale, catalogues.bounds, state)


@lru_cache(64)
def _faults_of_file(
    file: Path, locale: Locale, bounds: Path | None, _state: tuple[int, int]
) -> tuple[CatalogueFault, ...]:
    """Return the faults of a file.

    Results are cached: a check asks for all catalogues again if any file has changed.

    `_state`: tells the versions of the file apart.
    """
    try:
        catalogue = read_catalogue(file, locale, bounds)
        compile_catalogue(file, locale, bounds)
    except CatalogueInvalid as error:
        return (CatalogueFault("unreadable", file, error.line or 1, error.message),)
    return tuple(_faults_of_messages(file, catalogue))


def _faults_of_messages(file: Path, catalogue: "Catalog") -> Iterator[CatalogueFault]:
    for message in catalogue:
        if not message.id:  # the head of the catalogue
            continue
        for kind, fault in _faults_of_message(message, catalogue.num_plurals):
            yield CatalogueFault(kind, file, message.lineno or 1, fault, key_of(message))


def _faults_of_message(message: "Message", plurals: int) -> Iterator[tuple[_Kind, str]]:
    source = f'"{excerpt(key_of(message).text)}"'
    if message.fuzzy:
        yield "fuzzy", f"{source} is marked as fuzzy, so it is not used"
        return
    texts = [text for text in strings(message.string) if text]
    if message.pluralizable and texts and len(texts) != plurals:
        yield "plurals", f"{source} has {len(texts)} of the {plurals} plural forms of this language"
    sources = strings(message.id)
    known = set().union(*map(_place_names, sources))
    is_filled_in = known or any("%%" in text for text in sources)
    if not is_filled_in:
        return  # a percent sign is literal
    for text in texts:
        fault = _fault_of_places(source, text, known, is_plural=message.pluralizable)
        if fault:
            yield "placeholders", fault


def _fault_of_places(source: str, text: str, known: set[str], *, is_plural: bool) -> str:
    """Return what is wrong with the placeholders of a translation; "" if nothing is.

    `known`: the placeholders of the source text.
    """
    used = _place_names(text)
    unknown = sorted(used - known)
    if unknown:
        advice = "the text has no placeholders"
        if known:
            advice = f"use one of {', '.join(sorted(known))}"
        return f"{source} has no placeholder %({unknown[0]})s; {advice}"
    if _SIGN.search(text.replace("%%", "")):
        return f"{source}: write a plain percent sign as %%"
    missing = sorted(known - used)
    # The singular of a plural may omit its number: "an hour".
    if missing and not is_plural:
        return f"the translation of {source} lacks %({missing[0]})s"
    return ""


def excerpt(text: str) -> str:
    """Return the beginning of a text as one line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1].rstrip()}…"


def _place_names(text: str) -> set[str]:
    return set(_PLACE.findall(text.replace("%%", "")))
