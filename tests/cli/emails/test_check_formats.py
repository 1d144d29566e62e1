"""check: every kind of finding in every format. What tests/emails/lint plants goes through the same reports there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.cli.command import Ended, Keyturn

from keyturn.cli.studio.check import check
from keyturn.studio.lint.suppression import rules

pytestmark = pytest.mark.long

DOCS = Path(__file__).parents[3] / "docs"
FORMATS = next(one.type.choices for one in check.params if one.name == "output" and isinstance(one.type, click.Choice))
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

EVERYTHING = [word for group in rules() for word in ("--only", group)]
"""In a terminal, named rules show every place."""


@pytest.fixture
def emails(workplace: Path) -> Path:
    for name, text in FILES.items():
        file = workplace / "emails" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return workplace / "emails"


def told(shown: Ended, output: str) -> list[tuple[str, str, int, int]]:
    """Return rule, file, line and column of each finding, as a format tells them."""
    match output:
        case "json":
            return [(one["rule"], one["file"], one["line"], one["column"]) for one in json.loads(shown.out)["findings"]]
        case "sarif":
            (run,) = json.loads(shown.out)["runs"]
            places = [(one["ruleId"], one["locations"][0]["physicalLocation"]) for one in run["results"]]
            return [
                (rule, at["artifactLocation"]["uri"], at["region"]["startLine"], at["region"]["startColumn"])
                for rule, at in places
            ]
        case "github":
            found = re.findall(r"^::\w+ file=(.+?),line=(\d+),col=(\d+),title=(\S+?)::", shown.out, re.MULTILINE)
            return [(rule, file, int(line), int(column)) for file, line, column, rule in found]
    return list(told_in_text(shown.out))


def told_in_text(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield what a person reads, where equal findings stand together."""
    rule = ""
    for line in text.splitlines():
        if first := re.fullmatch(r"(\S+):(\d+):(\d+)  (?:error|warning|note)  (\S+)", line):
            rule = first[4]
            yield rule, first[1], int(first[2]), int(first[3])
        elif others := re.fullmatch(r"  also at (\S+?):(\d[\d:, ]*?)(?:  \D.*)?", line):
            for place in others[2].split(", "):
                yield rule, others[1], *map(int, place.split(":"))  # type: ignore[misc]


@pytest.mark.usefixtures("emails")
def test_what_is_broken_is_told_in_every_format_and_the_formats_tell_the_same(keyturn: Keyturn) -> None:
    all_told = []
    for output in FORMATS:
        shown = keyturn("check", "emails", "--format", output, *EVERYTHING)
        assert shown.code == 1
        assert re.search(
            r"\d mails? (was|were) not checked, or not in full: ", shown.out if output == "text" else shown.err
        )
        all_told.append(sorted(told(shown, output)))

    first, *others = all_told
    assert {(rule, file.removeprefix("emails/")) for rule, file, _, _ in first} >= FOUND
    assert len(first) > len(FILES)
    assert others == [first] * (len(FORMATS) - 1)


def test_the_script_for_editors_in_the_docs_lists_each_finding_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (script,) = re.findall(r"```python\n(import json\n.*?)```", (DOCS / "check.md").read_text("utf-8"), re.DOTALL)
    (tmp_path / "emails").mkdir()
    (tmp_path / "emails" / "news.html").write_text(PAGE.format("\n<a href='htps://boats.test'>Boats</a>"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert re.search(r"^emails/news\.html:2:\d+: error: .*htps.* Did you mean https:", done.stdout, re.MULTILINE)
