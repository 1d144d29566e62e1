"""A report as text, JSON, SARIF and HTML.

Nothing in answers controls a terminal or is markup (CWE-150, CWE-79).
"""

import json
import re
from collections.abc import Mapping
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import msgspec
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup

from keyturn.probe.attack import Attack, AttackVerdict, ProbeReport

_WORDS = {
    AttackVerdict.FAILED: ("failed", "red"),
    AttackVerdict.UNSURE: ("unsure", "yellow"),
    AttackVerdict.NOT_TRIED: ("not tried", None),
    AttackVerdict.PASSED: ("passed", "green"),
}
"""The name of each verdict and its colour, the worst first."""

_KINDS: Mapping[AttackVerdict, Mapping[str, Any]] = {
    AttackVerdict.FAILED: {"kind": "fail", "level": "error"},
    AttackVerdict.UNSURE: {"kind": "review", "level": "none"},
}
"""The results of SARIF. Only one of the kind "fail" has a level (SARIF, 3.27.10)."""


def as_text(report: ProbeReport) -> str:
    """Return the report for a terminal: failures in full, then what is unsure or was not tried,
    then the rest.
    """
    return _rendered("report.txt", report)


def as_html(report: ProbeReport) -> str:
    """Return one page without scripts, pictures and other files."""
    return _rendered("report.html", report)


def _rendered(name: str, report: ProbeReport) -> str:
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"plain": _plain, "code": _with_code, "style": click.style}
    groups = []
    counts = []
    for verdict, (word, colour) in _WORDS.items():
        results = [result for result in report.results if result.verdict is verdict]
        if results:
            groups.append((verdict, word, colour, results))
            counts.append(f"{len(results)} {word}")
    counted = ", ".join(counts) or "nothing was tried"
    tally = f"{report.target}: {counted}, in {report.seconds:.0f} seconds."
    failed = [
        result.attack.name for result in report.results if result.verdict is AttackVerdict.FAILED
    ]
    return environment.get_template(name).render(
        target=report.target, tally=tally, groups=groups, failed=failed
    )


def _plain(text: str) -> str:
    """Return a text with a sign in place of each character that would control a terminal or turn
    its direction.
    """
    plain = ""
    for character in text:
        if character.isprintable() or character == "\n":
            plain += character
        else:
            plain += "\N{REPLACEMENT CHARACTER}"
    return plain


def _with_code(text: str) -> Markup:
    """Return a text of `attacks.toml` as HTML, with what is in backticks as code."""
    escaped = escape(text, quote=False)
    return Markup(re.sub("`(.+?)`", r"<code>\1</code>", escaped))  # noqa: S704


def as_json(report: ProbeReport) -> str:
    """Return all results. Added members do not change the version."""
    # In ASCII, with all else escaped.
    return json.dumps({"version": 1, **msgspec.to_builtins(report)}, indent=2)


def _without_links(text: str) -> str:
    """Return a text in which a viewer finds no link: SARIF makes one of `[text](url)` (SARIF 2.1.0,
    3.11.6).
    """
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def as_sarif(report: ProbeReport) -> str:
    """Return a log in SARIF 2.1.0: a rule for each attack, and a result for each that failed or is
    to be reviewed.
    """
    location = {"physicalLocation": {"artifactLocation": {"uri": report.target}}}
    rules = []
    entries = []
    for index, result in enumerate(report.results):
        attack = result.attack
        rules.append(_rule(attack))
        if result.verdict in _KINDS:
            message = result.why
            for exchange in result.exchanges:
                message += f"\n\n> {exchange.request}\n< {exchange.answer}"
            entry = {
                "ruleId": attack.name,
                "ruleIndex": index,
                **_KINDS[result.verdict],
                "message": {"text": _without_links(message)},
                "locations": [location],
            }
            entries.append(entry)
    driver = {"name": "keyturn probe", "version": version("keyturn"), "rules": rules}
    run = {"tool": {"driver": driver}, "results": entries, "properties": {"target": report.target}}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=2)


def _rule(attack: Attack) -> Mapping[str, Any]:
    return {
        "id": attack.name,
        "shortDescription": {"text": attack.title},
        "fullDescription": {"text": attack.gain},
        "help": {"text": f"{attack.fix} ({', '.join(attack.authority)})"},
    }
