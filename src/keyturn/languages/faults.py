"""Finds faults in catalogues: errors that would break a mail, and texts that a translator has to review."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from babel import Locale

from keyturn.errors import CatalogueInvalid
from keyturn.languages.catalogues import Catalogues, Text, compile_catalogue, read_catalogue, strings, text_of

if TYPE_CHECKING:
    from babel.messages import Message

_PLACE = re.compile(r"%\((\w+)\)")
_SIGN = re.compile(r"%(?!%|\(\w+\)[#0\- +]*[\d.]*[diouxXeEfFgGcrs])")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class CatalogueFault:
    """A fault in a catalogue.

    `line` counts from 1. `text`: the source text of the faulty translation, None for the whole catalogue.

    The kind "fuzzy" breaks nothing: the text is shown untranslated.
    """

    kind: Literal["unknown-language", "unreadable", "placeholders", "plurals", "fuzzy"]
    file: Path
    line: int
    message: str
    text: Text | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def catalogue_faults(catalogues: Catalogues) -> Iterator[CatalogueFault]:
    """Yield every fault of every catalogue."""
    for folder, locale in catalogues.languages():
        if locale is None:
            message = f"{folder.name} is not a language: name folders as in de, pt_BR or zh_Hant"
            yield CatalogueFault("unknown-language", folder, 1, message)
            continue
        for file in Catalogues((folder.parent,), catalogues.domain).files(locale):
            if file.is_relative_to(folder):
                found = file.stat()
                yield from _faults_of_state(file, locale, catalogues.bounds, (found.st_mtime_ns, found.st_size))


@lru_cache(64)
def _faults_of_state(
    file: Path,
    locale: Locale,
    bounds: Path | None,
    state: tuple[int, int],  # noqa: ARG001 - the key
) -> tuple[CatalogueFault, ...]:
    """Check each version of a file once: every check asks for all catalogues, even if only other files changed."""
    return tuple(_faults_of_file(file, locale, bounds))


def _faults_of_file(file: Path, locale: Locale, bounds: Path | None) -> Iterator[CatalogueFault]:
    try:
        catalogue = read_catalogue(file, locale, bounds)
        compile_catalogue(file, locale, bounds)
    except CatalogueInvalid as error:
        yield CatalogueFault("unreadable", file, error.line or 1, error.message)
        return
    for message in catalogue:
        if not message.id:
            continue
        line, text = message.lineno or 1, text_of(message)
        if message.fuzzy:
            yield CatalogueFault(
                "fuzzy", file, line, f'"{excerpt(text.text)}" is marked as fuzzy, so it is not used', text
            )
            continue
        for kind, fault in _faults_of_message(message, catalogue.num_plurals):
            yield CatalogueFault(kind, file, line, fault, text)


def _faults_of_message(message: "Message", plurals: int) -> Iterator[tuple[Literal["placeholders", "plurals"], str]]:
    texts = [text for text in strings(message.string) if text]
    if message.pluralizable and texts and len(texts) != plurals:
        yield (
            "plurals",
            f'"{excerpt(text_of(message).text)}" has {len(texts)} of the {plurals} plural forms of this language',
        )
    known = {name for text in strings(message.id) for name in _place_names(text)}
    if not known and not any("%%" in text for text in strings(message.id)):
        return  # the text is never filled in, so a percent sign is literal
    for text in texts:
        if unknown := sorted(_place_names(text) - known):
            there = f"use one of {', '.join(sorted(known))}" if known else "the text has no placeholders"
            yield "placeholders", f'"{excerpt(text_of(message).text)}" has no placeholder %({unknown[0]})s; {there}'
        elif _SIGN.search(text.replace("%%", "")):
            yield (
                "placeholders",
                f'"{excerpt(text_of(message).text)}": write a plain percent sign as %%',
            )
        # The singular may omit its number: "an hour".
        elif not message.pluralizable and (missing := sorted(known - _place_names(text))):
            yield "placeholders", f'the translation of "{excerpt(text_of(message).text)}" lacks %({missing[0]})s'


def excerpt(text: str) -> str:
    """Return the beginning of a text, to identify it."""
    one = " ".join(text.split())
    return one if len(one) <= _SHOWN else f"{one[: _SHOWN - 1].rstrip()}…"


def _place_names(text: str) -> set[str]:
    return set(_PLACE.findall(text.replace("%%", "")))
