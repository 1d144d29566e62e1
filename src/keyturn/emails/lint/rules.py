"""All rules, gathered from the modules that declare them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from types import ModuleType

from keyturn.emails.lint import guard, limits
from keyturn.emails.lint.browser import images, measurements
from keyturn.emails.lint.checks import accessibility, compatibility, contrast, links, parts, safety, sizes
from keyturn.emails.lint.finding import RuleGroup
from keyturn.emails.lint.guard import attributes, nesting, syntax
from keyturn.emails.lint.source import broken_templates, translations, unknown_filters
from keyturn.errors import KeyturnError

IGNORE_RULES = RuleGroup("ignore", "unknown-rule", "unreadable", "unused")
"""Rules on comments that ignore findings. `suppression` uses them, and needs all rules itself."""


_DECLARING: tuple[ModuleType, ...] = (
    accessibility,
    contrast,
    links,
    parts,
    compatibility,
    safety,
    sizes,
    attributes,
    guard,
    nesting,
    syntax,
    broken_templates,
    translations,
    unknown_filters,
    limits,
    measurements,
    images,
)
"""The modules that make findings, with their rules as module variables."""


class UnknownRule(KeyturnError):
    """A named rule or group does not exist. The message is a sentence for users."""


@cache
def rules() -> Mapping[str, tuple[str, ...]]:
    """Return the rules of each group, in full and sorted: "mjml/wrong-value"."""
    declared = [one for module in _DECLARING for one in vars(module).values() if isinstance(one, RuleGroup)]
    found: dict[str, set[str]] = defaultdict(set)
    for group in (*declared, IGNORE_RULES, compatibility.compatibility_rules()):
        found[group.group] |= {rule.name for rule in group}
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
