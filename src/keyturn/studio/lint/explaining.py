"""Explains rules, from `rules.toml` and the data on mail clients, for people and for SARIF."""

import re
from collections.abc import Iterator

from msgspec.structs import replace

from keyturn.studio.lint.clients.clients import MAJOR, Support, names_of, supports
from keyturn.studio.lint.clients.features import features
from keyturn.studio.lint.rule_names import expect_rules, rule_names
from keyturn.studio.lint.rules import RULES, Rule

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
    return map(explain_rule, sorted(rule_names(), key=_place_of_group))


def _place_of_group(rule: str) -> int:
    return RULES.place_of(rule.partition("/")[0])


def as_text(rule: str) -> str:
    """Return a rule's explanation for a terminal, or a list of a group's rules, or of all.

    Raises UnknownRule.
    """
    if "/" in rule:
        return _in_full(explain_rule(rule))
    if rule:
        expect_rules([rule])
    lines = []
    for one in all_rules():
        if rule in ("", one.name.partition("/")[0]):
            lines.append(_in_short(one))
    return "\n".join(lines)


def _in_short(rule: Rule) -> str:
    return f"{rule.name}  {rule.severity_in_words}\n  {rule.what}"


def _in_full(rule: Rule) -> str:
    parts = {
        "Whom it hits": rule.why,
        **rule.examples,
        "Fix": rule.fix,
        "Silence": rule.silence,
    }
    paragraphs = [f"{rule.name}  {rule.severity_in_words}\n{rule.what}"]
    for name, text in parts.items():
        indented = f"{name}:\n  {text}".replace("\n", "\n  ")
        paragraphs.append(indented.replace("\n    ", "\n  "))
    return "\n\n".join(paragraphs)


def _general(text: str) -> str:
    """Return a text of a rule with the name of each of its words in capitals."""
    filled = _WORD.sub(_general_word, text)
    return filled.replace("{{", "{").replace("}}", "}")


def _general_word(word: re.Match[str]) -> str:
    return _WORDS.get(word[1], word[1].upper())


def _of_feature(name: str) -> Rule:
    feature = features()[name]
    support = supports()[name]
    what = f"Some mail clients lack {support.title}: {feature.effect.rstrip(',')}."
    lacking = _usual_clients_without(support)
    rule = Rule(
        name=f"compatibility/{name}",
        what=what,
        why=f"Readers in these clients: {lacking}. It {support.works} (caniemail.com).",
        fix=feature.in_html or feature.fix or "Check that the mail also works without it.",
        bad=support.title,
    )
    if feature.graceful is True:
        return replace(rule, note=what)
    note_if = "the mail stays whole without it, or the chosen clients lack only a part of it"
    return replace(rule, warning=what, note_if=note_if)


def _usual_clients_without(support: Support) -> str:
    """Return the usual clients that lack a feature or a part of it, in words."""
    lacking = [client for client in support.clients_that("no") if client in MAJOR]
    partly = [client for client in support.clients_that("partial") if client in MAJOR]
    in_words = []
    if lacking:
        in_words.append(names_of(lacking))
    if partly:
        in_words.append(f"in part in {names_of(partly)}")
    return "; ".join(in_words) or "others than the usual"
