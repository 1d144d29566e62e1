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
MJML = '<mjml lang="en"><mj-head><mj-title>News</mj-title></mj-head>{}</mjml>'
CATALOGUE = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

#, fuzzy
msgid "Harbour"
msgstr "Hafen"

msgid "News for %(name)s"
msgstr "Neues für %(nmae)s"

msgid "One boat"
msgid_plural "%(count)s boats"
msgstr[0] "Ein Boot"
"""

BROKEN = {
    "unknown_tag": ("{% harbour %}", "jinja/unknown-tag"),
    "django_tag": ("{% load i18n %}", "jinja/django-tag"),
    "liquid_tag": ("{% assign a = 1 %}", "jinja/liquid-tag"),
    "braze_tag": ("{{${name}}}", "jinja/braze-tag"),
    "go_tag": ("{{ .Name }}", "jinja/go-tag"),
    "handlebars_tag": ("{{#if name}}", "jinja/handlebars-tag"),
    "twig_tag": ("{% embed 'a' %}", "jinja/twig-tag"),
    "same_block": ("{% block a %}{% endblock %}\n{% block a %}{% endblock %}", "jinja/syntax"),
    "open_trans": ("{% trans %}Boats", "jinja/syntax"),
    "open_if": ("{% if name %}", "jinja/syntax"),
    "open_print": ("{{ name ", "jinja/syntax"),
    "unknown_filter": ("{{ name|harbour }}", "jinja/unknown-filter"),
    "unknown_test": ("{{ 'yes' if name is harbour }}", "jinja/unknown-test"),
    "missing": ("{% include 'harbour.html' %}", "jinja/missing-template"),
    "failing": ("{{ [name]|join(1, 2, 3, 4) }}", "jinja/error"),
    "unsafe": ("{{ name.__class__.__mro__ }}", "jinja/sandbox"),
    "no_samples": ("{{ rows|join(1, 2, 3, 4) }}", "unchecked/part"),
}
"""Templates that cannot be rendered, and the rule that each is found under."""

FILES = {
    **{f"{name}.html": PAGE.format(written) for name, (written, _) in BROKEN.items()},
    "failing.samples.toml": '[first]\nname = "Ada"\n',
    "unsafe.samples.toml": '[first]\nname = "Ada"\n',
    "undefined.html": PAGE.format("{{ nmae }}"),
    "undefined.samples.toml": '[first]\nname = "Ada"\n',
    "unreadable.html": PAGE.format("{{ name }}"),
    "unreadable.samples.toml": "[first]\nname = Ada\n",
    "marked.html": "\ufeff" + PAGE.format("Boats"),
    "subjects.html": PAGE.format("Boats"),
    "subjects.subject.txt": "<b>Boats</b>\nand more",
    "no_subject.html": PAGE.format("Boats").replace("News<", "<", 1),
    "no_subject.subject.txt": "\n",
    "styled.html": PAGE.format("Boats").replace("</title>", "</title><style>.quay { color: #123 }</style>"),
    "no_body.mjml": MJML.format(""),
    "less_than.mjml": MJML.format("<mj-body><mj-section>< 3</mj-section></mj-body>"),
    "texts.html": PAGE.format(
        "{{ _('Harbour') }}{{ _('News for %(name)s', name='Ada') }}{{ _('Quay') }}"
        "{% trans count=3 %}One boat{% pluralize %}{{ count }} boats{% endtrans %}"
    ),
    "ignoring.html": PAGE.format(
        "{# keyturn: ignore links #}\n{# keyturn: ignore harbour because of boats #}\n"
        "{# keyturn: ignore links because of boats #}"
    ),
    "locales/de/LC_MESSAGES/messages.po": CATALOGUE,
    "locales/fr/LC_MESSAGES/messages.po": f'{CATALOGUE}\nmsgid "Quay"\nmsgstr "Quai\n',
    "locales/harbour/LC_MESSAGES/messages.po": CATALOGUE,
}
FOUND = {rule for _, rule in BROKEN.values()} | {
    "jinja/undefined",
    "samples/invalid",
    "mjml/missing-body",
    "parity/no-text",
    "languages/fuzzy",
    "languages/placeholders",
    "languages/plurals",
    "languages/unknown-language",
    "languages/unreadable",
    "languages/untranslated",
    "ignore/unknown-rule",
    "ignore/unreadable",
    "ignore/unused",
    "file/byte-order-mark",
    "subject/empty",
    "subject/markup",
    "subject/several-lines",
    "styles/unused",
}

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
        assert re.search(r"\d+ mails were not checked, or not in full: ", shown.out if output == "text" else shown.err)
        all_told.append(sorted(told(shown, output)))

    first, *others = all_told
    found = {(rule, file) for rule, file, _, _ in first}
    assert {(rule, f"emails/{name}.html") for name, (_, rule) in BROKEN.items()} <= found
    assert {rule for rule, _ in found} >= FOUND
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
