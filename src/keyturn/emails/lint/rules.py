"""The names of all rules: those of `rules.toml`, of engines other than Jinja, and of the features of mail clients."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache

from keyturn.emails.lint.clients.features import features
from keyturn.emails.lint.finding import RULES
from keyturn.errors import KeyturnError
from keyturn.mail.rendering.engine import ENGINES


class UnknownRule(KeyturnError):
    """A named rule or group does not exist. The message is a sentence for users."""


@cache
def rules() -> Mapping[str, tuple[str, ...]]:
    """Return the rules of each group, in full and sorted: "mjml/wrong-value"."""
    found: dict[str, set[str]] = defaultdict(set)
    of_engines = (f"{engine.lower()}/{kind}" for engine, kinds in ENGINES.items() for kind in kinds)
    for rule in (*RULES, *of_engines, *(f"compatibility/{feature}" for feature in features())):
        found[rule.partition("/")[0]].add(rule)
    return {name: tuple(sorted(found[name])) for name in sorted(found)}


def expect_rules(names: Iterable[str]) -> None:
    """Raise UnknownRule for a name that is neither a rule nor a group."""
    known = {*rules(), *(rule for group in rules().values() for rule in group)}
    for name in names:
        if name not in known:
            without_group = (rule for rule in sorted(known) if rule.endswith(f"/{name}"))
            close = [*without_group, *get_close_matches(name, sorted(known), n=1)]
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise UnknownRule(f"no rule or group is called {name!r}{meant}; the groups are {', '.join(rules())}")
