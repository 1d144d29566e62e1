"""What each client lacks of one use of a feature: by its verdict, and by which of its notes are about this very use."""

import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from keyturn.emails.lint.clients.clients import Support
from keyturn.emails.lint.clients.features import Feature, FeatureUse

_OTHER_ACCOUNTS = re.compile(r"non[- ](?:google|gmail|outlook)[- ]accounts?", re.IGNORECASE)
"""Accounts of other providers in Gmail's and Outlook's apps: no value and no element changes what is missing there."""

_BARE_TYPES_ALONE = re.compile(r"only supported on type selectors", re.IGNORECASE)
_NOT_A_BARE_TYPE = re.compile(r"[.#\[*]|^sheet :")


class Gap(NamedTuple):
    """A client without the feature, or with a part of it; `note` is the number of the note that says so, or empty."""

    client: str
    support: Literal["no", "partial"]
    note: str = ""


def gaps(use: FeatureUse, feature: Feature, support: Support, clients: Iterable[str]) -> Iterator[Gap]:
    """Yield who of the clients lacks what is used here. Who never reads the place of it lacks nothing there."""
    for client in clients:
        verdict, notes = support.verdicts[client], support.noted.get(client, ())
        if client in use.unread_by:
            continue
        if verdict == "no":
            yield Gap(client, "no", next(iter(notes), ""))
        elif verdict == "partial":
            found = [gap for gap in (_of_note(use, feature, support, client, note) for note in notes or ("",)) if gap]
            yield from sorted(found, key=lambda gap: gap.support)[:1]


def _of_note(use: FeatureUse, feature: Feature, support: Support, client: str, note: str) -> Gap | None:
    said = support.notes.get(note, "")
    depends = note in feature.when or note in feature.on
    if depends and not _is_about(use, feature, note):
        return None
    if _OTHER_ACCOUNTS.search(said):
        return Gap(client, "partial", note)
    if depends:
        return Gap(client, "no", note)
    if _BARE_TYPES_ALONE.search(said):
        return Gap(client, "no", note) if _NOT_A_BARE_TYPE.search(use.written) else None
    if feature.partial is None:
        return Gap(client, "partial", note)
    return Gap(client, "no", note) if re.search(feature.partial, use.value) else None


def _is_about(use: FeatureUse, feature: Feature, note: str) -> bool:
    on = feature.on.get(note)
    return bool(re.search(feature.when.get(note, ""), use.written, re.IGNORECASE)) and (
        on is None or any(re.fullmatch(on, tag) for tag in use.elements)
    )
