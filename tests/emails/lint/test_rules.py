"""The list of all rules: what the checks can report is in it, and nothing else."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.emails.lint.checks import links
from keyturn.emails.lint.clients import clients
from keyturn.emails.lint.jinja import translations
from keyturn.emails.lint.rules import UnknownRule, expect_rules, rules

LINT = Path(links.__file__).parents[1]
RULE = re.compile(r"([a-z]+)/[a-z0-9-]+(?<!-)")
OF_ITS_MODULE = ("accessibility", "links", "safety")
"""Modules whose rules are written without their group, right before or behind a severity."""
SEVERITIES = {"error", "warning", "note"}
ALL = {rule for group in rules().values() for rule in group}


def strings(node: ast.AST) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def written() -> Iterator[str]:
    """Yield the rules that stand as they are in the code of the checks."""
    for file in LINT.rglob("*.py"):
        if file.stem in (Path(str(clients.__file__)).stem, "rules"):
            continue
        tree = ast.parse(file.read_text("utf-8"))
        yield from (text for text in strings(tree) if (is_rule := RULE.fullmatch(text)) and is_rule[1] in rules())
        if file.stem in OF_ITS_MODULE:
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                for before, argument in zip(call.args, call.args[1:], strict=False):
                    says_how_bad = strings(argument) & SEVERITIES or ast.unparse(argument) == "severity"
                    if says_how_bad and isinstance(before, ast.Constant) and isinstance(before.value, str):
                        yield f"{file.stem}/{before.value}"


def test_every_rule_in_the_code_is_listed() -> None:
    found = set(written())

    assert len(found) > 60
    assert found <= ALL
    assert {f"languages/{kind}" for kind in translations._WAYS_OUT} <= ALL
    assert {rule for rule in ALL if rule.startswith(("links/", "parity/", "sizes/", "accessibility/"))} <= found


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
