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

from keyturn.probe.attack import ProbeReport, Verdict

_WORDS = {
    Verdict.FAILED: ("failed", "red"),
    Verdict.UNSURE: ("unsure", "yellow"),
    Verdict.NOT_TRIED: ("not tried", None),
    Verdict.PASSED: ("passed", "green"),
}
"""The name of each verdict and its colour, the worst first."""

_KINDS: Mapping[Verdict, Mapping[str, Any]] = {
    Verdict.FAILED: {"kind": "fail", "level": "error"},
    Verdict.UNSURE: {"kind": "review", "level": "none"},
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
    of = {
        verdict: [one for one in report.outcomes if one.verdict == verdict] for verdict in Verdict
    }
    groups = [(verdict, *shown, of[verdict]) for verdict, shown in _WORDS.items() if of[verdict]]
    counts = (
        ", ".join(f"{len(outcomes)} {word}" for _, word, _, outcomes in groups)
        or "nothing was tried"
    )
    tally = f"{report.target}: {counts}, in {report.seconds:.0f} seconds."
    failed = [outcome.attack.name for outcome in of[Verdict.FAILED]]
    return environment.get_template(name).render(
        target=report.target, tally=tally, groups=groups, failed=failed
    )


def _plain(text: str) -> str:
    """Return a text with a sign in place of each character that would control a terminal or turn
    its direction.
    """
    return "".join(
        one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text
    )


def _with_code(text: str) -> Markup:
    """Return a text of `attacks.toml` as HTML, with what is in backticks as code."""
    return Markup(re.sub("`(.+?)`", r"<code>\1</code>", escape(text, quote=False)))  # noqa: S704 - it is escaped


def as_json(report: ProbeReport) -> str:
    """Return all outcomes. Added members do not change the version."""
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
    rules, results = [], []
    for index, outcome in enumerate(report.outcomes):
        attack, exchanges = (
            outcome.attack,
            (f"\n\n> {one.request}\n< {one.answer}" for one in outcome.exchanges),
        )
        about = {"shortDescription": attack.title, "fullDescription": attack.gain}
        about["help"] = f"{attack.fix} ({', '.join(attack.authority)})"
        rules.append({"id": attack.name, **{name: {"text": text} for name, text in about.items()}})
        if outcome.verdict in _KINDS:
            result = {"ruleId": attack.name, "ruleIndex": index, **_KINDS[outcome.verdict]}
            result["message"] = {"text": _without_links(outcome.why + "".join(exchanges))}
            result["locations"] = [
                {"physicalLocation": {"artifactLocation": {"uri": report.target}}}
            ]
            results.append(result)
    driver = {"name": "keyturn probe", "version": version("keyturn"), "rules": rules}
    run = {"tool": {"driver": driver}, "results": results, "properties": {"target": report.target}}
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(log, indent=2)
