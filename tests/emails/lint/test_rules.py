"""The list of all rules: what the checks can report is in it, and nothing else."""

import pkgutil
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from keyturn.emails import lint
from keyturn.emails.lint.clients.features import features
from keyturn.emails.lint.finding import RuleGroup
from keyturn.emails.lint.rules import UnknownRule, expect_rules, rules

ALL = {rule for group in rules().values() for rule in group}


def declared() -> Iterator[str]:
    """Yield every rule that any module of the checks declares, listed or not."""
    for found in pkgutil.walk_packages(lint.__path__, f"{lint.__name__}."):
        module = import_module(found.name)
        for group in (one for one in vars(module).values() if isinstance(one, RuleGroup)):
            yield from (rule.name for rule in group)


def test_the_rules_are_those_that_the_checks_declare_and_one_for_each_feature_of_a_client() -> None:
    assert {*declared(), *(f"compatibility/{feature}" for feature in features())} == ALL
    assert len(ALL) > 60


def test_a_finding_cannot_be_made_with_a_rule_that_is_not_declared() -> None:
    group = RuleGroup("links", "empty")

    assert group["empty"].name == "links/empty"
    with pytest.raises(KeyError, match="relatve"):
        group["relatve"]


def test_every_rule_that_a_test_plants_is_listed() -> None:
    planted = {
        mistake["rule"]
        for file in Path(__file__).parent.glob("*mistakes.toml")
        for mistake in tomllib.loads(file.read_text("utf-8"))["mistake"]
    }

    assert len(planted) > 60
    assert planted <= ALL


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
