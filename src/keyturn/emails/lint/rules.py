"""Every rule that a finding can have, gathered from the modules that declare them: those that can be asked for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from types import ModuleType

from keyturn.emails.lint import ignore_rules, limits
from keyturn.emails.lint.browser import images, measurements
from keyturn.emails.lint.checks import (
    accessibility,
    active_content,
    byte_order_marks,
    compatibility,
    contrast,
    links,
    parity,
    safety,
    sizes,
    subjects,
    undefined,
)
from keyturn.emails.lint.finding import RuleGroup
from keyturn.emails.lint.guard import attributes, guard, nesting, syntax
from keyturn.emails.lint.jinja import broken_templates, other_engines, translations, unknown_filters
from keyturn.errors import KeyturnError

_DECLARING: tuple[ModuleType, ...] = (
    accessibility,
    active_content,
    byte_order_marks,
    contrast,
    links,
    parity,
    safety,
    sizes,
    subjects,
    attributes,
    guard,
    nesting,
    syntax,
    broken_templates,
    other_engines,
    translations,
    undefined,
    unknown_filters,
    ignore_rules,
    limits,
    measurements,
    images,
)
"""The modules that make findings, each with its rules as values of its own; compatibility has one for each feature."""


class UnknownRule(KeyturnError):
    """Somebody named a rule or a group that does not exist; the message is a sentence for them."""


@cache
def rules() -> Mapping[str, tuple[str, ...]]:
    """Return the rules of each group, in full and sorted: "mjml/wrong-value"."""
    declared = [one for module in _DECLARING for one in vars(module).values() if isinstance(one, RuleGroup)]
    found: dict[str, set[str]] = defaultdict(set)
    for group in (*declared, compatibility.compatibility_rules()):
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
