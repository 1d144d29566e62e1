"""What each rule is about, from `rules.toml` and the data on mail clients: for `--explain`, SARIF and the docs."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from keyturn.studio.lint.clients.clients import MAJOR, names_of, supports
from keyturn.studio.lint.clients.features import features, severities
from keyturn.studio.lint.finding import Severity
from keyturn.studio.lint.rules import RULES
from keyturn.studio.lint.suppression import expect_rules, rules

_WORD = re.compile(r"(?<!\{)\{(\w++)[^{}]*+\}")
_WORDS = {
    "engine": "the template",
    "form": "{# keyturn: ignore RULE because REASON #}",
    "next": "3",
    "spelling": "Check its spelling;",
    "written": "[first], then name = value below it",
}
"""What stands for a word of a rule, if not its name."""

_ITS_FIX = "Each finding says what to do."


class Explanation(NamedTuple):
    """What a rule says to who asks about it.

    `severities`: all that its findings can have, the usual one first. The others say when. `bad` and `good` may be
    empty.
    """

    rule: str
    severities: Mapping[Severity, str]
    what: str
    why: str
    fix: str
    bad: str
    good: str

    @property
    def severity(self) -> str:
        """All severities in words: "warning; error if the link is a button"."""
        return "; ".join(f"{one} if {when}" if when else one for one, when in self.severities.items())

    @property
    def examples(self) -> Mapping[str, str]:
        """The example by its name, without missing parts."""
        return {name: text for name, text in (("Bad", self.bad), ("Good", self.good)) if text}

    @property
    def silence(self) -> str:
        return f'Write {{# keyturn: ignore {self.rule} because ... #}} above the line, or set "{self.rule}" = "off".'


def explain_rule(rule: str) -> Explanation:
    """Explain a rule by its full name. Raises UnknownRule."""
    expect_rules([rule])
    if rule not in RULES:
        return _of_feature(rule, rule.partition("/")[2])
    declared = RULES[rule]
    what, fix = _general(declared.what or declared.message), _general(declared.fix) or _ITS_FIX
    return Explanation(rule, declared.severities, what, declared.why, fix, declared.bad, declared.good)


def all_rules() -> Iterator[Explanation]:
    """Yield the explanations of all rules, those of the worst group first."""
    for group in sorted(rules(), key=RULES.place_of):
        yield from map(explain_rule, rules()[group])


def as_text(rule: str) -> str:
    """Return the explanation of a rule for a terminal. Without a rule, or for a group, the list of its rules.

    Raises UnknownRule.
    """
    if "/" not in rule:
        expect_rules([rule] if rule else [])
        listed = [one for one in all_rules() if rule in ("", one.rule.partition("/")[0])]
        return "\n".join(f"{one.rule}  {one.severity}\n  {one.what}" for one in listed)
    about = explain_rule(rule)
    parts = {"Whom it hits": about.why, **about.examples, "Fix": about.fix, "Silence": about.silence}
    told = (f"{name}:\n  {text}".replace("\n", "\n  ").replace("\n    ", "\n  ") for name, text in parts.items())
    return "\n\n".join((f"{about.rule}  {about.severity}\n{about.what}", *told))


def _general(text: str) -> str:
    """Return a text of a rule with the name of each of its words in capitals."""
    return _WORD.sub(lambda word: _WORDS.get(word[1], word[1].upper()), text).replace("{{", "{").replace("}}", "}")


def _of_feature(rule: str, name: str) -> Explanation:
    feature, support = features()[name], supports()[name]
    lacking = {
        "": [client for client in support.clients_that("no") if client in MAJOR.members],
        "in part in ": [client for client in support.clients_that("partial") if client in MAJOR.members],
    }
    clients = "; ".join(f"{how}{names_of(those)}" for how, those in lacking.items() if those) or "others than the usual"
    return Explanation(
        rule,
        severities(feature, support),
        f"Some mail clients lack {support.title}: {feature.effect.rstrip(',')}.",
        f"Readers in these clients: {clients}. It {support.works} (caniemail.com).",
        feature.in_html or feature.fix or "Check that the mail also works without it.",
        support.title,
        "",
    )
