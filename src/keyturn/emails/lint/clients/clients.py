"""Mail clients, and what Can I email says they make of a feature."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

Verdict = Literal["yes", "partial", "no", "unknown"]

_VERDICTS: Mapping[str, Verdict] = {"y": "yes", "a": "partial", "n": "no", "u": "unknown", "-": "unknown"}

# Gmail's mobile website and Windows Mail, which has ended, are left to "rest".
GROUPS: Mapping[str, tuple[str, ...]] = {
    "apple": ("apple-mail/macos", "apple-mail/ios"),
    "gmail": ("gmail/desktop-webmail", "gmail/ios", "gmail/android"),
    "outlook": ("outlook/windows", "outlook/macos", "outlook/outlook-com", "outlook/ios", "outlook/android"),
    "yahoo": ("yahoo/desktop-webmail", "yahoo/ios", "yahoo/android"),
    "aol": ("aol/desktop-webmail", "aol/ios", "aol/android"),
    "samsung": ("samsung-email/android",),
    "thunderbird": ("thunderbird/macos", "thunderbird/windows"),
    "germany": (
        "gmx/desktop-webmail", "gmx/ios", "gmx/android", "web-de/desktop-webmail", "web-de/ios", "web-de/android",
        "t-online-de/desktop-webmail", "ionos-1and1/desktop-webmail", "ionos-1and1/android",
    ),
    "france": (
        "orange/desktop-webmail", "orange/ios", "orange/android", "sfr/desktop-webmail", "sfr/ios", "sfr/android",
        "laposte/desktop-webmail", "laposte/ios", "laposte/android", "free-fr/desktop-webmail",
    ),
    "independent": (
        "protonmail/desktop-webmail", "protonmail/ios", "protonmail/android", "hey/desktop-webmail",
        "fastmail/desktop-webmail", "rainloop/desktop-webmail",
    ),
    "rest": (
        "gmail/mobile-webmail", "outlook/windows-mail", "mail-ru/desktop-webmail", "wp-pl/desktop-webmail",
    ),
}  # fmt: skip
_PRODUCTS = {
    "aol": "AOL",
    "apple-mail": "Apple Mail",
    "fastmail": "Fastmail",
    "free-fr": "Free",
    "gmail": "Gmail",
    "gmx": "GMX",
    "hey": "HEY",
    "ionos-1and1": "IONOS",
    "laposte": "La Poste",
    "mail-ru": "Mail.ru",
    "orange": "Orange",
    "outlook": "Outlook",
    "protonmail": "Proton Mail",
    "rainloop": "RainLoop",
    "samsung-email": "Samsung Email",
    "sfr": "SFR",
    "t-online-de": "T-Online",
    "thunderbird": "Thunderbird",
    "web-de": "WEB.DE",
    "wp-pl": "WP Poczta",
    "yahoo": "Yahoo",
}
_PLATFORMS = {
    "android": "on Android",
    "desktop-webmail": "on the web",
    "ios": "on iOS",
    "macos": "on macOS",
    "mobile-webmail": "on the mobile web",
    "windows": "for Windows",
}
_NAMES = {"outlook/outlook-com": "Outlook.com", "outlook/windows-mail": "Windows Mail"}


_USUAL = ("apple", "gmail", "outlook", "yahoo")


class UnknownClients(ValueError):
    """A chosen group of clients does not exist. The message is a sentence for users."""


class Clients(msgspec.Struct, frozen=True):
    """The clients whose gaps are reported: some of the groups, in the order of `GROUPS`."""

    groups: tuple[str, ...]

    @classmethod
    def from_names(cls, names: Iterable[str]) -> "Clients":
        """Return the named groups. Names may be separated by commas; "all" is every group, no name the usual ones.

        Raises UnknownClients.
        """
        wanted = {name.strip().lower() for listed in names for name in listed.split(",")} - {""} or set(_USUAL)
        for name in sorted(wanted - {*GROUPS, "all"}):
            close = get_close_matches(name, GROUPS, n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            groups = ", ".join(GROUPS)
            raise UnknownClients(f"no group of clients is called {name!r}{meant}; the groups are {groups}, and all")
        return cls(tuple(group for group in GROUPS if group in wanted or "all" in wanted))

    @property
    def members(self) -> tuple[str, ...]:
        """The clients, as Can I email calls them."""
        return tuple(client for group in self.groups for client in GROUPS[group])


MAJOR = Clients(_USUAL)


class Support(msgspec.Struct, frozen=True):
    """Support of a feature: `tested` as YYYY-MM-DD, `notes` by number, `noted`: the notes to each client's verdict."""

    title: str
    tested: str
    verdicts: Mapping[str, Verdict]
    notes: Mapping[str, str]
    noted: Mapping[str, Sequence[str]]

    def clients_that(self, verdict: Verdict) -> list[str]:
        return [client for client, found in self.verdicts.items() if found == verdict]

    @property
    def tested_in(self) -> int:
        return len(self.verdicts) - len(self.clients_that("unknown"))


class _Entry(msgspec.Struct, frozen=True):
    """A feature in the data file."""

    title: str
    tested: str
    verdicts: str
    notes: dict[str, str]
    noted: dict[str, list[str]]


class _Data(msgspec.Struct, frozen=True):
    """The data file on the support of features."""

    clients: list[str]
    features: dict[str, _Entry]


@cache
def supports() -> Mapping[str, Support]:
    """Return the support of each feature by its name at Can I email. Each client has one verdict, the latest."""
    data = msgspec.json.decode((Path(__file__).parent / "data/caniemail.json").read_bytes(), type=_Data)
    return {
        name: Support(
            title=entry.title,
            tested=entry.tested,
            verdicts=dict(zip(data.clients, map(_VERDICTS.__getitem__, entry.verdicts), strict=True)),
            notes=entry.notes,
            noted=entry.noted,
        )
        for name, entry in data.features.items()
    }


def names_of(clients: Sequence[str]) -> str:
    """Return the names for people: "Gmail and Outlook for Windows". A complete group is one name."""
    names, left = [], list(clients)
    for members in GROUPS.values():
        product = {member.partition("/")[0] for member in members}
        if len(members) > 1 and len(product) == 1 and set(members) <= set(left):
            names.append(_PRODUCTS[product.pop()])
            left = [client for client in left if client not in members]
    names += [_name(client) for client in left]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def name_of(client: str) -> str:
    """Return the name of a client, or of a product ("outlook")."""
    return _name(client) if "/" in client else _PRODUCTS.get(client, client)


def _name(client: str) -> str:
    product, _, platform = client.partition("/")
    return _NAMES.get(client) or f"{_PRODUCTS[product]} {_PLATFORMS[platform]}"
