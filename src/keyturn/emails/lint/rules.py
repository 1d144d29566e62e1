"""Every rule that a finding can have: those that can be asked for by name."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import get_args

from keyturn.emails.lint.clients.features import features
from keyturn.emails.lint.css.dark_modes import DARK, FULL, LIGHT, PARTIAL
from keyturn.emails.lint.markup.element import Broken
from keyturn.errors import KeyturnError

_SYNTAX = get_args(Broken)
_RULES: Mapping[str, tuple[str, ...]] = {
    "accessibility": (
        "alt-file-name", "alt-missing", "headers-of-layout", "heading-order", "justified", "lang", "no-heading",
        "small-text", "table-role", "tight-lines", "title",
    ),
    "contrast": (LIGHT.name, DARK.name, PARTIAL.name, FULL.name),
    "html": _SYNTAX,
    "jinja": (
        "django-tag", "error", "liquid-tag", "missing-template", "syntax", "twig-tag", "undefined", "unknown-filter",
        "unknown-tag", "unknown-test",
    ),
    "languages": ("fuzzy", "placeholders", "plurals", "unknown-language", "unreadable", "untranslated"),
    "links": (
        "empty", "forbidden-scheme", "http", "malformed-mailto", "no-host", "no-href", "no-text", "relative",
        "same-text", "third-party", "unknown-scheme", "vague-text",
    ),
    "mjml": (
        "body-element-in-head", "head-element-in-body", "include", "markup-in-text", "misplaced-html",
        "misplaced-text", "missing-attribute", "missing-body", "missing-include", "missing-root", "mjml-in-html",
        "outside-root", "refused", "removed-element", "second-element", "undefined-class", "unknown-attribute",
        "unknown-element", "unsupported-element", "wrong-parent", "wrong-value", *_SYNTAX,
    ),
    "parity": ("html-in-text", "link-not-in-html", "link-not-in-text", "long-line", "no-text", "unfilled"),
    "safety": (
        "calls-to-action", "foreign-host", "foreign-image", "link-differs", "link-without-token", "no-call-to-action",
        "no-expiry", "not-https", "not-you", "token-in-preheader", "token-in-subject", "tracker",
    ),
    "samples": ("invalid", "missing"),
    "sizes": ("clipped", "image-without-width", "style-dropped"),
}  # fmt: skip


class UnknownRule(KeyturnError):
    pass


@cache
def rules() -> Mapping[str, tuple[str, ...]]:
    """Return the rules of each group, in full: "mjml/wrong-value"."""
    named = {**_RULES, "compatibility": tuple(features())}
    return {group: tuple(f"{group}/{name}" for name in named[group]) for group in sorted(named)}


def expect_rules(names: Iterable[str]) -> None:
    """Raise UnknownRule for a name that is neither a rule nor a group."""
    known = {*rules(), *(rule for group in rules().values() for rule in group)}
    for name in names:
        if name not in known:
            without_group = (rule for rule in sorted(known) if rule.endswith(f"/{name}"))
            close = [*without_group, *get_close_matches(name, sorted(known), n=1)]
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise UnknownRule(f"no rule or group is called {name!r}{meant}; the groups are {', '.join(rules())}")
