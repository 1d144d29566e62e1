"""A probe's report as text, JSON, SARIF and one HTML page.

Answers of the target are somebody else's text: nothing in them controls a terminal or becomes markup (CWE-150, CWE-79).
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.metadata import version
from typing import Any

import click
import msgspec

from keyturn.probe.attack import Outcome, Report, Verdict

_WORDS = {
    Verdict.FAILED: "failed",
    Verdict.UNSURE: "unsure",
    Verdict.NOT_TRIED: "not tried",
    Verdict.PASSED: "passed",
}
"""What a verdict is called, the worst first."""

_COLOURS = {Verdict.FAILED: "red", Verdict.UNSURE: "yellow", Verdict.PASSED: "green"}
_WIDTH = 100


def as_text(report: Report) -> str:
    """Return the report for a terminal: failures in full, then what is unsure or was not tried, then the rest."""
    lines = [*_failures(_having(report, Verdict.FAILED))]
    for verdict in (Verdict.UNSURE, Verdict.NOT_TRIED):
        lines += [_line(outcome, _plain(outcome.why)) for outcome in _having(report, verdict)]
    lines += [_line(outcome, _plain(outcome.attack.title)) for outcome in _having(report, Verdict.PASSED)]
    return "\n".join([*lines, "", _tally(report)])


def _having(report: Report, verdict: Verdict) -> Sequence[Outcome]:
    return [outcome for outcome in report.outcomes if outcome.verdict == verdict]


def _failures(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        attack = outcome.attack
        yield f"{_verdict(outcome)}  {click.style(attack.name, bold=True)}  {click.style(attack.title, dim=True)}"
        yield from _paragraph(outcome.why)
        for exchange in outcome.exchanges:
            for sign, text in ((">", exchange.request), ("<", exchange.answer)):
                yield from (click.style(f"    {sign} {_plain(line)}", dim=True) for line in text.splitlines())
        yield from _paragraph(attack.gain)
        yield from (click.style(line, fg="green") for line in _paragraph(attack.fix))
        yield click.style(f"  {', '.join(attack.authority)}", dim=True)
        yield ""


def _line(outcome: Outcome, text: str) -> str:
    first, *others = textwrap.wrap(text, _WIDTH - 34) or [""]
    return "\n".join([f"{_verdict(outcome)}  {outcome.attack.name:<21}  {first}", *(f"{'':34}{one}" for one in others)])


def _verdict(outcome: Outcome) -> str:
    return click.style(f"{_WORDS[outcome.verdict]:<9}", fg=_COLOURS.get(outcome.verdict))


def _paragraph(text: str) -> Iterator[str]:
    return (f"  {line}" for line in textwrap.wrap(_plain(text), _WIDTH - 2))


def _plain(text: str) -> str:
    """Return a text with a sign in place of each character that would control the terminal or turn its direction."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _plain_lines(text: str) -> str:
    return "\n".join(map(_plain, text.splitlines()))


def _tally(report: Report) -> str:
    counts = [(len(_having(report, verdict)), word) for verdict, word in _WORDS.items()]
    listed = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{_plain(report.target)}: {listed or 'nothing was tried'}, in {report.seconds:.0f} seconds."


class ReportedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attack. `why`: a sentence. `exchanges`: requests and answers, with secrets shortened."""

    attack: str
    verdict: str
    title: str
    why: str
    gain: str
    fix: str
    authority: tuple[str, ...]
    exchanges: tuple[Any, ...]


class ProbeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `keyturn probe --json` writes. Added members do not change the version."""

    version: int = 1
    target: str
    seconds: float
    failed: int
    outcomes: tuple[ReportedOutcome, ...]


def as_json(report: Report) -> str:
    outcomes = tuple(
        ReportedOutcome(
            attack=outcome.attack.name,
            verdict=outcome.verdict,
            title=outcome.attack.title,
            why=outcome.why,
            gain=outcome.attack.gain,
            fix=outcome.attack.fix,
            authority=outcome.attack.authority,
            exchanges=outcome.exchanges,
        )
        for outcome in report.outcomes
    )
    failed = len(_having(report, Verdict.FAILED))
    return _indented(ProbeReport(target=report.target, seconds=report.seconds, failed=failed, outcomes=outcomes))


def _indented(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def as_sarif(report: Report) -> str:
    """Return a log in SARIF 2.1.0: a rule for each attack, and a result for each that failed or is to be reviewed.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    rules = [_rule(outcome) for outcome in report.outcomes]
    results = [
        _result(outcome, index, report.target)
        for index, outcome in enumerate(report.outcomes)
        if outcome.verdict in {Verdict.FAILED, Verdict.UNSURE}
    ]
    driver = {"name": "keyturn probe", "version": version("keyturn"), "rules": rules}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results, "properties": {"target": report.target}}],
    }
    return _indented(document)


def _rule(outcome: Outcome) -> Mapping[str, Any]:
    attack = outcome.attack
    return {
        "id": attack.name,
        "shortDescription": {"text": attack.title},
        "fullDescription": {"text": attack.gain},
        "help": {"text": f"{attack.fix} ({', '.join(attack.authority)})"},
        "defaultConfiguration": {"level": "error"},
    }


def _result(outcome: Outcome, index: int, target: str) -> Mapping[str, Any]:
    """Return a result. Only a result of the kind "fail" has a level (SARIF, 3.27.10)."""
    failed = outcome.verdict == Verdict.FAILED
    exchanges = "".join(f"\n\n> {one.request}\n< {one.answer}" for one in outcome.exchanges)
    return {
        "ruleId": outcome.attack.name,
        "ruleIndex": index,
        "kind": "fail" if failed else "review",
        "level": "error" if failed else "none",
        "message": {"text": f"{outcome.why}{exchanges}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": target}}}],
    }


_STYLE = """
:root { color-scheme: light dark; --ground: #faf9f6; --panel: #fff; --ink: #1c1b19; --muted: #66635c; --line: #e3dfd6;
  --passed: #14614b; --failed: #b3261e; --unsure: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --ground: #141412; --panel: #1b1b18; --ink: #ecebe6; --muted: #a8a59c;
  --line: #2c2b27; --passed: #6fd3ae; --failed: #ff9b90; --unsure: #e6b450 } }
body { margin: 0 auto; max-width: 720px; padding: 24px 16px; background: var(--ground); color: var(--ink);
  font: 16px/25px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: anywhere }
h1 { font-size: 24px; line-height: 32px } h2 { font-size: 20px; margin-top: 32px } h3 { font-size: 16px; margin: 0 }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 16px; margin: 12px 0 }
p { margin: 8px 0 } dl { margin: 0 } dt { margin-top: 12px; font-weight: 600 } dd { margin: 0 }
small { color: var(--muted); font-size: 13px } .passed { color: var(--passed) } .failed { color: var(--failed) }
.unsure { color: var(--unsure) } .not-tried { color: var(--muted) }
pre { white-space: pre-wrap; border: 1px solid var(--line); border-radius: 6px; padding: 8px; margin: 8px 0;
  font: 13px/20px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
"""


def as_html(report: Report) -> str:
    """Return one page without scripts, pictures and other files."""
    parts = [f"<h1>Password reset of {escape(report.target)}</h1><p>{escape(_tally(report))}</p>"]
    for verdict, word in _WORDS.items():
        if outcomes := _having(report, verdict):
            parts.append(f'<h2 class="{verdict.value}">{word.capitalize()} ({len(outcomes)})</h2>')
            parts += [_section(outcome) for outcome in outcomes]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>keyturn probe: {escape(report.target)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _section(outcome: Outcome) -> str:
    attack = outcome.attack
    said = f'<h3 id="{escape(attack.name)}">{escape(attack.title)}</h3><p>{escape(outcome.why)}</p>'
    if outcome.verdict == Verdict.FAILED:
        texts = [text for exchange in outcome.exchanges for text in (exchange.request, exchange.answer)]
        exchanges = "".join(f"<pre>{escape(_plain_lines(text))}</pre>" for text in texts)
        said += (
            f"{exchanges}<dl><dt>What an attacker gains</dt><dd>{escape(attack.gain)}</dd>"
            f"<dt>Fix</dt><dd>{escape(attack.fix)}</dd></dl>"
        )
    return f"<section>{said}<p><small>{escape(', '.join((attack.name, *attack.authority)))}</small></p></section>"
