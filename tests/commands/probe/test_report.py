"""What the reports of a probe say, and that answers of the target can do nothing in them."""

import json
import re

import click
import msgspec
from click.testing import CliRunner

from keyturn.cli import keyturn
from keyturn.probe.attack import ATTACKS, Attack, AttackResult, AttackVerdict, Exchange, ProbeReport
from keyturn.probe.report import as_html, as_json, as_sarif, as_text


def _attack(name: str) -> Attack:
    title, gain, fix = f"The title of {name}", f"An attacker gains {name}.", f"Fix `{name}`."
    return Attack(name=name, title=title, authority=("CWE-640",), gain=gain, fix=fix)


_HOSTILE = "HTTP 200\n\x1b[2J<script>alert(1)</script>\u202e & more"
_FAILED = AttackResult(
    attack=_attack("link-twice"),
    verdict=AttackVerdict.FAILED,
    why="A link worked twice.",
    exchanges=(Exchange(request="POST /reset", answer=_HOSTILE),),
)
_REPORT = ProbeReport(
    target="http://127.0.0.1:3000",
    results=(
        AttackResult(attack=_attack("token-short"), verdict=AttackVerdict.PASSED, why="256 bits."),
        _FAILED,
        AttackResult(
            attack=_attack("times-differ"),
            verdict=AttackVerdict.UNSURE,
            why="The samples are too few.",
        ),
        AttackResult(
            attack=_attack("no-limit"),
            verdict=AttackVerdict.NOT_TRIED,
            why="There is no second account.",
        ),
    ),
    seconds=12.4,
)


def test_the_text_has_failures_in_full_and_a_line_for_the_rest() -> None:
    assert "\x1b[2J" not in as_text(_REPORT), "an answer cannot control the terminal"
    assert "\u202e" not in as_text(_REPORT)
    text = click.unstyle(as_text(_REPORT))
    assert "\n  The title of link-twice. A link worked twice.\n    > POST /reset\n" in text
    assert "\n  Gain: An attacker gains link-twice.\n  Fix: Fix `link-twice`.\n  CWE-640\n" in text
    assert re.findall(r"(?m)^(unsure|not tried|passed) +(\S+) +(.*)$", text) == [
        ("unsure", "times-differ", "The samples are too few."),
        ("not tried", "no-limit", "There is no second account."),
        ("passed", "token-short", "256 bits."),
    ]
    tally = "1 failed, 1 unsure, 1 not tried, 1 passed"
    assert text.splitlines()[-2:] == [
        f"http://127.0.0.1:3000: {tally}, in 12 seconds.",
        "To try again what failed: --only link-twice",
    ]


def test_json_has_every_outcome_and_sarif_what_failed_or_is_to_be_reviewed() -> None:
    report, log = json.loads(as_json(_REPORT)), json.loads(as_sarif(_REPORT))
    verdicts = {
        "token-short": "passed",
        "link-twice": "failed",
        "times-differ": "unsure",
        "no-limit": "not-tried",
    }
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]

    assert (report["version"], report["target"], log["version"]) == (
        1,
        "http://127.0.0.1:3000",
        "2.1.0",
    )
    assert {one["attack"]["name"]: one["verdict"] for one in report["outcomes"]} == verdicts
    assert report["outcomes"][1]["exchanges"] == [{"request": "POST /reset", "answer": _HOSTILE}]
    assert report["outcomes"][1]["attack"]["fix"] == "Fix `link-twice`."
    assert [(one["ruleId"], one["kind"], one["level"]) for one in run["results"]] == [
        ("link-twice", "fail", "error"),
        ("times-differ", "review", "none"),
    ]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        "link-twice",
        "times-differ",
    ]


def test_sarif_has_no_links() -> None:
    """A text of the application makes no link in a viewer of SARIF (SARIF 2.1.0, 3.11.6)."""
    exchange = Exchange(request="GET /", answer="Sign in [here](https://evil.example)\\")
    result = AttackResult(
        attack=_attack("link-twice"),
        verdict=AttackVerdict.FAILED,
        why="[why](x)",
        exchanges=(exchange,),
    )
    log = json.loads(as_sarif(msgspec.structs.replace(_REPORT, results=(result,))))
    (result,) = log["runs"][0]["results"]
    text = result["message"]["text"]
    assert text.startswith("\\[why\\](x)")
    assert text.endswith("Sign in \\[here\\](https://evil.example)\\\\")


def test_the_page_is_one_file_in_which_an_answer_is_text() -> None:
    page = as_html(_REPORT)

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    assert "<dd>Fix <code>link-twice</code>.</dd>" in page
    assert re.findall(r"(?:src|href)=(.*?)[ >]", page) == ['"#link-twice"']
    headings = [re.sub("<.*?>", "", one) for one in re.findall("<h2.*?</h2>", page)]
    assert headings == ["Failed (1)", "Unsure (1)", "Not tried (1)", "Passed (1)"]


def test_the_list_has_every_attack_and_needs_no_url() -> None:
    ended = CliRunner().invoke(keyturn, ["probe", "--list"])

    assert (
        ended.exit_code,
        [name for name in ATTACKS if f"\n{name} " not in f"\n{ended.output}"],
    ) == (0, []), ended
