"""The names of rules, groups and severities, as people write them."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from keyturn.errors import Fault, KeyturnError
from keyturn.studio.lint.clients.clients import UnknownClients, clients_in
from keyturn.studio.lint.clients.features import features
from keyturn.studio.lint.finding import OFF, SEVERITIES, listed
from keyturn.studio.lint.rules import RULES

_LEVELS = (*SEVERITIES, OFF)


class UnknownRule(KeyturnError):
    """A named rule or group does not exist. The message is a sentence for users."""


@cache
def rule_names() -> tuple[str, ...]:
    """Return all rules in full and sorted, also those of clients' features: "mjml/wrong-value"."""
    of_features = [f"compatibility/{feature}" for feature in features()]
    return tuple(sorted([*RULES, *of_features]))


def expect_rules(names: Iterable[str]) -> None:
    """Raise UnknownRule for a name that is neither a rule nor a group."""
    groups = dict.fromkeys(rule.partition("/")[0] for rule in rule_names())
    known = sorted((*groups, *rule_names()))
    for name in names:
        if name in known:
            continue
        close = [rule for rule in known if rule.endswith(f"/{name}")]
        close += get_close_matches(name, known, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        raise UnknownRule(
            f"no rule or group is called {name!r}{meant}; the groups are {', '.join(groups)}"
        )


def unknown_names(values: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the unknown clients, rules and severities of the studio's settings."""
    for group in values.get("clients", ()):
        try:
            clients_in([group])
        except UnknownClients as unknown:
            yield Fault("clients", str(unknown))
    levels = values.get("severity", {})
    for name in levels:
        try:
            expect_rules([name])
        except UnknownRule as unknown:
            yield Fault("severity", str(unknown))
    for name, level in levels.items():
        if level not in _LEVELS:
            yield Fault(f"severity.{name}", f"must be {listed(_LEVELS, 'or')}, not {level!r}")
