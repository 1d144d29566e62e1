"""What each rule is about, from `rules.toml` and the data on mail clients: for `--explain`, SARIF
and the docs.
"""

import re
from collections.abc import Iterator

from msgspec.structs import replace

from keyturn.studio.lint.clients.clients import MAJOR, names_of, supports
from keyturn.studio.lint.clients.features import features
from keyturn.studio.lint.rules import RULES, Rule
from keyturn.studio.lint.suppression import expect_rules, rule_names

_WORD = re.compile(r"(?<!\{)\{(\w++)[^{}]*+\}")
_WORDS = {  # what stands for a word of a rule, if not its name
    "engine": "the template",
    "form": "{# keyturn: ignore RULE because REASON #}",
    "next": "3",
    "spelling": "Check its spelling;",
    "written": "[first], then name = value below it",
}


def explain_rule(name: str) -> Rule:
    """Return a rule by its full name, with texts for readers who have no finding of it.

    Raises UnknownRule.
    """
    expect_rules([name])
    if name not in RULES:
        return _of_feature(name.partition("/")[2])
    rule = RULES[name]
    return replace(
        rule,
        what=_general(rule.what or rule.message),
        fix=_general(rule.fix) or "Each finding says what to do.",
    )


def all_rules() -> Iterator[Rule]:
    """Return all rules as `explain_rule` does, those of the worst group first."""
    return map(
        explain_rule, sorted(rule_names(), key=lambda rule: RULES.place_of(rule.partition("/")[0]))
    )


def as_text(rule: str) -> str:
    """Return a rule's explanation for a terminal, or a list of a group's rules, or of all.

    Raises UnknownRule.
    """
    if "/" not in rule:
        expect_rules([rule] if rule else [])
        listed = [one for one in all_rules() if rule in ("", one.name.partition("/")[0])]
        return "\n".join(f"{one.name}  {one.severity_in_words}\n  {one.what}" for one in listed)
    about = explain_rule(rule)
    parts = {
        "Whom it hits": about.why,
        **about.examples,
        "Fix": about.fix,
        "Silence": about.silence,
    }
    paragraphs = (
        f"{name}:\n  {text}".replace("\n", "\n  ").replace("\n    ", "\n  ")
        for name, text in parts.items()
    )
    return "\n\n".join((f"{about.name}  {about.severity_in_words}\n{about.what}", *paragraphs))


def _general(text: str) -> str:
    """Return a text of a rule with the name of each of its words in capitals."""
    return (
        _WORD.sub(lambda word: _WORDS.get(word[1], word[1].upper()), text)
        .replace("{{", "{")
        .replace("}}", "}")
    )


def _of_feature(name: str) -> Rule:
    feature, support = features()[name], supports()[name]
    lacking = {
        "": [client for client in support.clients_that("no") if client in MAJOR],
        "in part in ": [client for client in support.clients_that("partial") if client in MAJOR],
    }
    clients = (
        "; ".join(f"{how}{names_of(those)}" for how, those in lacking.items() if those)
        or "others than the usual"
    )
    what = f"Some mail clients lack {support.title}: {feature.effect.rstrip(',')}."
    is_note = feature.graceful is True
    return Rule(
        name=f"compatibility/{name}",
        warning="" if is_note else what,
        note=what if is_note else "",
        note_if=""
        if is_note
        else "the mail stays whole without it, or the chosen clients lack only a part of it",
        what=what,
        why=f"Readers in these clients: {clients}. It {support.works} (caniemail.com).",
        fix=feature.in_html or feature.fix or "Check that the mail also works without it.",
        bad=support.title,
    )
