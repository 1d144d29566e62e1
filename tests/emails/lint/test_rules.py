"""The list of all rules: what the checks can report is in it, and nothing else."""

import pytest

from keyturn.emails.lint.clients.features import features
from keyturn.emails.lint.finding import RULES, Place
from keyturn.emails.lint.suppression import UnknownRule, expect_rules, rules

ALL = {rule for group in rules().values() for rule in group}


def test_the_rules_are_those_that_the_checks_declare_and_one_for_each_feature_of_a_client() -> None:
    assert {*RULES, *(f"compatibility/{feature}" for feature in features())} == ALL
    assert len(ALL) > 60


def test_a_finding_cannot_be_made_with_a_rule_that_is_not_declared() -> None:
    assert RULES.finding(Place("a.mjml"), "links/empty").rule == "links/empty"
    with pytest.raises(KeyError, match="links/relatve"):
        RULES.finding(Place("a.mjml"), "links/relatve")


def test_a_finding_cannot_have_a_severity_that_its_rule_does_not_name() -> None:
    assert RULES.finding(Place("a.mjml"), "links/empty", severity="error").severity == "error"
    with pytest.raises(KeyError, match="links/empty is declared without the severity note"):
        RULES.finding(Place("a.mjml"), "links/empty", severity="note")


def test_rules_and_groups_can_be_named() -> None:
    expect_rules(["mjml", "compatibility", "compatibility/css-display-flex", "jinja/unknown-test", "html/unclosed-tag"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mjlm", "mjml"),
        ("alt-missing", "accessibility/alt-missing"),
        ("links/relatve", "links/relative"),
    ],
)
def test_a_name_that_is_none_is_told_with_what_it_may_mean(name: str, meant: str) -> None:
    with pytest.raises(UnknownRule, match=rf"'{name}' \(did you mean {meant}\?\); the groups are accessibility, "):
        expect_rules(["mjml", name])
