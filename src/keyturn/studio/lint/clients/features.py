"""Features of CSS, HTML and images, and the clients that lack them.

`data/features.toml` says how each is recognised, and Can I email which clients lack it.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from keyturn.studio.lint.clients.clients import Support, supports

FeatureKind = Literal["property", "selector", "at", "element", "image"]
"""The field of `Feature` with the pattern for what is written in such a place."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Says how a feature is recognised in a mail.

    See the head of `data/features.toml` for what each field means.
    """

    property: str = ""
    value: str = ""
    selector: str = ""
    at: str = ""
    element: str = ""
    image: str = ""
    partial: str | None = None
    when: dict[str, str] = {}
    on: dict[str, str] = {}
    graceful: bool | str = False
    effect: str = "ignored"
    fix: str = ""
    in_html: str = ""

    def is_graceful(self, value: str) -> bool:
        if isinstance(self.graceful, bool):
            return self.graceful
        return bool(re.search(self.graceful, value))


class FeatureUse(Struct, frozen=True):
    """A place that uses features. `offset` counts characters of the markup.

    `written` is its text behind the kind of its place: "style color: red", "sheet @media print",
    "<input type=radio>". `tags` returns the tags of the elements that use it, if known.
    `unread_by`: clients that never read this place.
    """

    value: str
    offset: int
    written: str = ""
    tags: Callable[[], Collection[str]] = tuple
    unread_by: frozenset[str] = frozenset()


@cache
def features() -> Mapping[str, Feature]:
    file = Path(__file__).parent / "data/features.toml"
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, Feature])


@cache
def initial_values() -> Mapping[str, Sequence[str]]:
    """Return the values by property that change nothing."""
    file = Path(__file__).parent / "data/initial-values.toml"
    return tomllib.loads(file.read_text("utf-8"))


def named(kind: FeatureKind, written: str, value: str | None = None) -> Sequence[str]:
    """Return the features whose pattern of a kind fits what is written.

    `value`: that of a property or an attribute.
    """
    known = _known(kind, written)
    if value is None:
        return [slug for slug, _ in known]
    return [slug for slug, feature in known if re.search(feature.value, value, re.IGNORECASE)]


@lru_cache(4096)
def _known(kind: FeatureKind, written: str) -> Sequence[tuple[str, Feature]]:
    fits = re.search if kind == "at" else re.fullmatch
    known = []
    for slug, feature in features().items():
        pattern = getattr(feature, kind)
        if pattern and fits(pattern, written):
            known.append((slug, feature))
    return known


_OTHER_ACCOUNTS = re.compile(r"non[- ](?:google|gmail|outlook)[- ]accounts?", re.IGNORECASE)
"""Accounts of other providers in Gmail's and Outlook's apps: their gaps depend on neither value nor
element.
"""


class Gaps(NamedTuple):
    """The clients that lack a use of a feature, and those that lack a part of it, each with the
    number of Can I email's note, or "".
    """

    whole: Mapping[str, str]
    part: Mapping[str, str]


def gaps_of(slug: str, use: FeatureUse, clients: Iterable[str]) -> Gaps:
    feature = features()[slug]
    support = supports()[slug]
    whole: dict[str, str] = {}
    part: dict[str, str] = {}
    for client in clients:
        level = support.levels[client]
        if client in use.unread_by:
            continue
        if level == "no":
            whole[client] = support.notes_to(client)[0]
        elif level == "partial":
            about = _notes_about(use, client, feature, support)
            about_whole = [note for note in about if _is_of_whole(note, feature, support)]
            if about_whole:
                whole[client] = about_whole[0]
            elif about:
                part[client] = about[0]
    return Gaps(whole, part)


def _notes_about(use: FeatureUse, client: str, feature: Feature, support: Support) -> list[str]:
    notes = support.notes_to(client)
    return [note for note in notes if _concerns(note, use, feature, support)]


def _concerns(note: str, use: FeatureUse, feature: Feature, support: Support) -> bool:
    if note in feature.when or note in feature.on:
        if not re.search(feature.when.get(note, ""), use.written, re.IGNORECASE):
            return False
        if note not in feature.on:
            return True
        # Last: to find the tags of a rule takes a walk through the mail.
        return any(re.fullmatch(feature.on[note], tag) for tag in use.tags())
    if not _is_of_whole(note, feature, support):
        return True
    return bool(re.search(feature.partial or "", use.value))


def _is_of_whole(note: str, feature: Feature, support: Support) -> bool:
    """Tell whether a client with this note lacks the whole feature in the uses that it concerns."""
    depends = note in feature.when or note in feature.on or feature.partial is not None
    return depends and not _OTHER_ACCOUNTS.search(support.notes.get(note, ""))
