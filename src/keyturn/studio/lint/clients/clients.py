"""Mail clients, and what Can I email says they make of a feature."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from keyturn.studio.lint.finding import did_you_mean, listed

SupportLevel = Literal["yes", "partial", "no", "unknown"]

_LEVELS: Mapping[str, SupportLevel] = {
    "y": "yes",
    "a": "partial",
    "n": "no",
    "u": "unknown",
    "-": "unknown",
}

_KNOWN = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
GROUPS: Mapping[str, tuple[str, ...]] = {
    name: tuple(clients) for name, clients in _KNOWN["groups"].items()
}
_USUAL = ("apple", "gmail", "outlook", "yahoo")


class UnknownClients(ValueError):
    """A chosen group of clients does not exist. The message is a sentence for users."""


def clients_in(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the clients of groups; without a group, those of the usual ones.

    A group may be a list, as "gmail,apple", or "all".

    Raises UnknownClients.
    """
    names = [name.strip().lower() for name in ",".join(groups).split(",")]
    wanted = {name for name in names if name} or set(_USUAL)
    for name in sorted(wanted - {*GROUPS, "all"}):
        meant = did_you_mean(name, GROUPS, question=" (did you mean {}?)")
        known = ", ".join(GROUPS)
        raise UnknownClients(
            f"no group of clients is called {name!r}{meant}; the groups are {known}, and all"
        )
    clients: list[str] = []
    for group, members in GROUPS.items():
        if group in wanted or "all" in wanted:
            clients += members
    return tuple(clients)


MAJOR = clients_in(())


class Support(msgspec.Struct, frozen=True):
    """The support of a feature.

    `tested`: as YYYY-MM-DD. `levels`: by client. `notes`: by number. `noted`: the numbers of the
    notes to a client's level.
    """

    title: str
    tested: str
    levels: Mapping[str, SupportLevel]
    notes: Mapping[str, str]
    noted: Mapping[str, Sequence[str]]

    def clients_that(self, level: SupportLevel) -> list[str]:
        return [client for client, own in self.levels.items() if own == level]

    def notes_to(self, client: str) -> Sequence[str]:
        """Return the numbers of the notes to a client's level, "" if there are none."""
        return self.noted.get(client) or ("",)

    @property
    def works(self) -> str:
        """In how many clients it works: "works in 8 of 41 clients, in part in 16 more, tested
        2021-12".
        """
        whole = len(self.clients_that("yes"))
        partly = len(self.clients_that("partial"))
        tested_in = len(self.levels) - len(self.clients_that("unknown"))
        sentence = f"works in {whole} of {tested_in} clients"
        if partly:
            sentence += f", in part in {partly} more"
        return f"{sentence}, tested {self.tested[:7]}"


@cache
def supports() -> Mapping[str, Support]:
    """Return the support of each feature by its name at Can I email.

    Each client has one level, the latest.
    """
    data = msgspec.json.decode((Path(__file__).parent / "data/caniemail.json").read_bytes())
    supports = {}
    for name, feature in data["features"].items():
        levels = [_LEVELS[letter] for letter in feature.pop("verdicts")]
        by_client = dict(zip(data["clients"], levels, strict=True))
        supports[name] = Support(levels=by_client, **feature)
    return supports


def names_of(clients: Sequence[str]) -> str:
    """Return the names for people: "Gmail and Outlook for Windows".

    A complete group is one name.
    """
    names = []
    left = list(clients)
    for members in GROUPS.values():
        products = {member.partition("/")[0] for member in members}
        is_product = len(members) > 1 and len(products) == 1
        if is_product and set(members) <= set(left):
            names.append(_KNOWN["products"][products.pop()])
            left = [client for client in left if client not in members]
    names += map(name_of, left)
    return listed(names)


def name_of(client: str) -> str:
    """Return the name of a client, or of a product ("outlook")."""
    product, _, platform = client.partition("/")
    if not platform:
        return str(_KNOWN["products"].get(client, client))
    if client in _KNOWN["names"]:
        return str(_KNOWN["names"][client])
    return f"{_KNOWN['products'][product]} {_KNOWN['platforms'][platform]}"
