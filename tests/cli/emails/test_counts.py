"""Every number of findings is made by one rule: `check` in its formats, the studio's list, its page of findings."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from tests.cli.command import Keyturn
from tests.emails.studio.fixtures import Client, checked_page

from keyturn.cli.studio.folders import Source, open_folder, usual_baseline
from keyturn.studio.web import Studio, create_studio_app

pytestmark = pytest.mark.long

HEAD = "<mj-head><mj-title>News</mj-title><mj-preview>What is new in the harbour</mj-preview></mj-head>"
MJML = '<mjml lang="en">{head}<mj-body><mj-section><mj-column>\n{more}</mj-column></mj-section></mj-body></mjml>\n'
SHARED = '<mj-text colour="red">The harbour</mj-text>\n'
NEWS = """\
{% include "_parts/foot.mjml" %}
<mj-text font-sise="16px">{{ name }}</mj-text>
{% if urgent %}<mj-text paddin="0">At once</mj-text>{% endif %}
{# keyturn: ignore mjml because the app rewrites it #}
<mj-text font-sise="20px">Boats</mj-text>
<mj-text color="#cccccc" color="#dddddd">Pale</mj-text>
"""
BOATS = (
    '{% include "_parts/foot.mjml" %}\n<mj-text font-sise="16px">Old</mj-text>\n<mj-button href="a">Go</mj-button>\n'
)


@pytest.fixture
def emails(workplace: Path) -> Path:
    """Two templates with errors, warnings and notes, a branch, two samples, two languages, and something they share."""
    folder = workplace / "emails"
    for file, text in {
        "_parts/foot.mjml": SHARED,
        "news.mjml": MJML.format(head=HEAD, more=NEWS),
        "news.samples.toml": '[ada]\nname = "Ada"\nurgent = false\n\n[grace]\nname = "Grace"\nurgent = false\n',
        "boats.mjml": MJML.format(head="", more=BOATS),
        "boats.samples.toml": "[only]\n",
        "keyturn.toml": '[studio]\nlanguages = ["en", "de"]\n',
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return folder


@pytest.fixture
def client(emails: Path) -> Client:
    opened = open_folder(Source(emails))
    studio = Studio(
        gallery=opened.gallery,
        sender="a@example.test",
        severity=opened.settings.severity,
        clients=opened.settings.clients,
        baseline=usual_baseline(opened),
        token="",
    )
    return TestClient(create_studio_app(studio), base_url="http://127.0.0.1:8001")


def by_severity(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="severity-\w+"[^>]*><b>(\d+)</b>', page)]


def kinds(findings: list[dict[str, Any]]) -> list[int]:
    """Return the number of errors, warnings and notes: of a rule one, of errors one for each message."""
    several = {(one["rule"], one["severity"], one["severity"] == "error" and one["message"]) for one in findings}
    return [sum(severity == one for _, severity, _ in several) for one in ("error", "warning", "note")]


def in_list(page: str, name: str) -> str:
    found = re.search(rf'id="findings-of-{name}".*?aria-label="Findings: (.*?)"', page)
    return found[1] if found else ""


def test_check_the_list_and_the_page_of_findings_say_the_same(keyturn: Keyturn, client: Client) -> None:
    told = json.loads(keyturn("check", "emails", "--format", "json").out)
    counts = [told["errors"], told["warnings"], told["notes"]]
    assert min(counts) > 0
    assert told["ignored"] == 1
    assert counts == kinds(told["findings"])
    assert sum(counts) < len(told["findings"])

    page = checked_page(client, "findings")
    assert by_severity(page) == counts
    of_folder = page[page.index('id="list-findings"') :].partition("</a>")[0]
    errors, warnings = ("" if count == 1 else "s" for count in counts[:2])
    assert f'title="{counts[0]} error{errors}, {counts[1]} warning{warnings}"' in of_folder

    for name in ("news", "boats"):
        own = [one for one in told["findings"] if any(mail.startswith(f"{name}/") for mail in one["mails"])]
        own += [one for one in told["findings"] if not one["mails"] and one["file"].endswith(f"/{name}.mjml")]
        expected = kinds(own)
        assert by_severity(checked_page(client, f"findings?words={name}")) == expected
        words = [
            f"{count} {word}{'' if count == 1 else 's'}"
            for count, word in zip(expected[:2], ("error", "warning"), strict=True)
            if count
        ]
        assert in_list(page, name) == ", ".join(words)

    last_line = keyturn("check", "emails").out.splitlines()[-1]
    assert last_line.startswith(f"{counts[0]} errors, {counts[1]} warning{warnings}, {counts[2]} note")
    assert last_line.endswith("1 ignored by comments.")
    sarif = json.loads(keyturn("check", "emails", "--format", "sarif").out)
    assert len(sarif["runs"][0]["results"]) == len(told["findings"])


def test_the_tab_of_a_mail_counts_as_check_does_for_that_mail(keyturn: Keyturn, client: Client) -> None:
    told = json.loads(keyturn("check", "emails", "--format", "json").out)["findings"]
    own = kinds([one for one in told if "news/ada en" in one["mails"]])
    page = client.get("/studio/templates/news?sample=ada&lang=en&tab=checks").text
    tab = page[page.index('id="tab-checks"') :].partition("</a>")[0]

    shown = {word: int(count) for word, count in re.findall(r'class="count (\w+)">(\d+)', tab)}
    assert shown == {word: count for word, count in zip(("error", "warning"), own, strict=False) if count}


def test_what_the_baseline_knows_counts_nowhere(keyturn: Keyturn, client: Client, emails: Path) -> None:
    keyturn("check", "emails", "--write-baseline")
    boats = emails / "boats.mjml"
    boats.write_text(boats.read_text().replace(">Old<", ">New<"))
    told = json.loads(keyturn("check", "emails", "--format", "json").out)
    assert (told["errors"], told["in_baseline"] > 3) == (1, True)

    page = checked_page(client, "findings")
    assert by_severity(page) == [1, told["warnings"], told["notes"]]
    assert (in_list(page, "news"), in_list(page, "boats")) == ("", "1 error")
    tab = client.get("/studio/templates/news?sample=ada&tab=checks").text
    assert "No problems found" in tab

    (emails / "keyturn-baseline.json").write_text("{")
    page = checked_page(client, "findings")
    assert 'class="trouble" role="alert"' in page
    assert by_severity(page)[0] > 1
