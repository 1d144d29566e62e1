"""check: mistakes that tests/studio/lint does not plant. Its reports are tested there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.commands.command import Keyturn

pytestmark = pytest.mark.long

DOCS = Path(__file__).parents[3] / "docs"
PAGE = '<html lang="en"><head><title>News</title></head><body><h1>News</h1>{}</body></html>'
CATALOGUE = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

msgid "One boat"
msgid_plural "%(count)s boats"
msgstr[0] "Ein Boot"
"""
FILES = {
    "tag.html": PAGE.format("{% harbour %}"),
    "test.html": PAGE.format("{{ 'yes' if name is harbour }}"),
    "undefined.html": PAGE.format("{{ nmae }}"),
    "undefined.samples.toml": '[first]\nname = "Ada"\n',
    "marked.html": "\ufeff" + PAGE.format("Boats"),
    "subject.html": PAGE.format("Boats").replace("News<", "<", 1),
    "subject.subject.txt": "\n",
    "body.mjml": '<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head></mjml>',
    "texts.html": PAGE.format("{% trans count=3 %}One boat{% pluralize %}{{ count }} boats{% endtrans %}"),
    "locales/de/LC_MESSAGES/messages.po": CATALOGUE,
}
FOUND = {
    ("jinja/unknown-tag", "tag.html"),
    ("jinja/unknown-test", "test.html"),
    ("jinja/undefined", "undefined.html"),
    ("file/byte-order-mark", "marked.html"),
    ("subject/empty", "subject.subject.txt"),
    ("mjml/missing-body", "body.mjml"),
    ("languages/plurals", "locales/de/LC_MESSAGES/messages.po"),
}
"""Nothing else plants a mistake of most of these rules."""

UNCHECKED = re.compile(r"\d mails? (was|were) not checked, or not in full: ")


@pytest.fixture
def emails(workplace: Path) -> Path:
    for name, text in FILES.items():
        file = workplace / "emails" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return workplace / "emails"


@pytest.mark.usefixtures("emails")
def test_what_is_broken_is_found_and_what_was_not_checked_is_told_beside_the_report(keyturn: Keyturn) -> None:
    shown = keyturn("check", "emails", "--format", "json")

    assert {(one["rule"], one["file"].removeprefix("emails/")) for one in json.loads(shown.out)["findings"]} >= FOUND
    assert shown.code == 1
    assert UNCHECKED.search(shown.err)
    assert UNCHECKED.search(keyturn("check", "emails").out)


def test_the_script_for_editors_in_the_docs_lists_each_finding_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (script,) = re.findall(r"```python\n(import json\n.*?)```", (DOCS / "check.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "emails").mkdir()
    (tmp_path / "emails" / "news.html").write_text(PAGE.format("\n<a href='htps://boats.test'>Boats</a>"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert re.search(r"^emails/news\.html:2:\d+: error: .*htps.* Did you mean https:", done.stdout, re.MULTILINE)
