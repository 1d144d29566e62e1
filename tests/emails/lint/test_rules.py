"""The list of all rules: what the checks can report is in it, and nothing else."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from keyturn.emails import lint
from keyturn.emails.lint.clients.features import features
from keyturn.emails.lint.finding import RULES, Place
from keyturn.emails.lint.suppression import UnknownRule, expect_rules, rules
from keyturn.mail.rendering.engine import FaultKind

NAME = "[a-z0-9-]+"
ALL = {rule for group in rules().values() for rule in group}


def named_in_the_checks() -> Iterator[str]:
    """Yield a pattern for each text in the code of the checks that may name a rule, such as f"limits/{limit}"."""
    for file in Path(lint.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.escape(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (one.value if isinstance(one, ast.Constant) else None for one in node.values)
                yield "".join(NAME if part is None else re.escape(str(part)) for part in parts)


def test_the_rules_are_those_that_the_checks_declare_and_one_for_each_feature_of_a_client() -> None:
    assert {*RULES, *(f"compatibility/{feature}" for feature in features())} == ALL
    assert len(ALL) > 60


def test_every_rule_that_is_declared_is_used_by_a_check() -> None:
    named = {*named_in_the_checks()} - {"", NAME, f"{NAME}/{NAME}"}
    whole = re.compile("|".join(one for one in named if "/" in one))
    kinds = re.compile("|".join(one for one in named if "[" not in one))
    of_engines = {f"django/{kind}" for kind in get_args(FaultKind)}
    unused = [rule for rule in RULES if not whole.fullmatch(rule) and rule not in of_engines]

    assert [rule for rule in unused if not rule.startswith(("html/", "mjml/"))] == []
    assert [rule for rule in unused if not kinds.fullmatch(rule.partition("/")[2])] == []


def test_a_finding_cannot_be_made_with_a_rule_that_is_not_declared() -> None:
    assert RULES.finding(Place("a.mjml"), "links/empty").rule == "links/empty"
    with pytest.raises(KeyError, match="links/relatve"):
        RULES.finding(Place("a.mjml"), "links/relatve")


def test_a_finding_cannot_have_a_severity_that_its_rule_does_not_name() -> None:
    assert RULES.finding(Place("a.mjml"), "links/empty", severity="error").severity == "error"
    with pytest.raises(KeyError, match="links/empty is declared without the severity note"):
        RULES.finding(Place("a.mjml"), "links/empty", severity="note")


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
