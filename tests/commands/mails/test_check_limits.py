"""check: templates that run away, many processes, and what was checked before."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.commands.command import Keyturn
from tests.studio.folders import written

pytestmark = pytest.mark.long

MAIL = """\
<mjml lang="en"><mj-head><mj-title>News</mj-title>
  <mj-preview>What is new in the harbour, today and tomorrow</mj-preview></mj-head>
  <mj-body><mj-section><mj-column>
    {% include "_parts/head.mjml" %}
    <mj-text>Dear {{ name }}</mj-text>
  </mj-column></mj-section></mj-body>
</mjml>
"""
CATALOGUE = """\
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Dear friend"
msgstr "Hallo"
"""
BLIND = '<mj-image src="https://cdn.example/a.png" />\n'


@pytest.fixture
def emails(workplace: Path) -> Path:
    mails = {f"{name}.mjml": MAIL for name in ("one", "two", "three")}
    samples = {f"{name}.samples.toml": '[ada]\nname = "Ada"\n' for name in ("one", "two", "three")}
    return written(
        workplace / "emails", mails | samples | {"_parts/head.mjml": "<mj-text>Harbour</mj-text>\n"}
    )


def found_by(keyturn: Keyturn, *arguments: str) -> set[tuple[str, str, int]]:
    report: dict[str, Any] = json.loads(
        keyturn("check", "emails", "--format", "json", *arguments).out
    )
    return {
        (one["rule"], one["file"].removeprefix("emails/"), one["line"])
        for one in report["findings"]
    }


@pytest.mark.parametrize(
    ("part", "limit", "line", "says"),
    [
        (
            "{% for one in range(10 ** 9) %}{% endfor %}",
            "time",
            5,
            "It takes longer than 1 second.",
        ),
        (
            "{% for one in [1, 2] %}{% set text = 'a' * 10 ** 9 %}{{ text }}{% endfor %}",
            "memory",
            5,
            "too much memory",
        ),
        ("{% for one in range(1100) %}" + "x" * 1000 + "{% endfor %}", "size", 1, "1 MB"),
    ],
)
def test_a_part_that_passes_a_limit_is_a_finding_at_its_line_and_other_mails_are_checked(
    keyturn: Keyturn,
    emails: Path,
    part: str,
    limit: str,
    line: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "keyturn.studio.renderers.pool._GRACE", 60
    )  # processor time ends a template, not the clock
    (emails / "two.mjml").write_text(MAIL.replace("Dear", f"{part}\nDear"))
    (emails / "three.mjml").write_text(MAIL.replace("</mj-column>", f"{BLIND}</mj-column>"))
    limits = '[studio]\nfolder = "emails"\nlimit_seconds = 1\nlimit_megabytes = 64\n'
    (emails.parent / "keyturn.toml").write_text(limits)
    shown = keyturn("check", "emails", "--trust", "--format", "json")

    report = json.loads(shown.out)
    (ended,) = [one for one in report["findings"] if one["rule"].startswith("limits/")]
    assert (ended["rule"], ended["file"], ended["line"]) == (
        f"limits/{limit}",
        "emails/two.mjml",
        line,
    )
    assert (ended["severity"], ended["mails"], says in ended["message"]) == (
        "error",
        ["two/ada"],
        True,
    )
    missing = [
        (one["file"], one["line"])
        for one in report["findings"]
        if one["rule"] == "accessibility/alt-missing"
    ]
    assert missing == [("emails/three.mjml", 6)]
    assert (shown.code, report["mails"]) == (1, 3)


def test_a_crash_of_a_mail_is_a_finding(
    keyturn: Keyturn, emails: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (emails / "crash.mjml").write_text("<mjml><mj-body>{{ die() }}</mj-body></mjml>")
    (emails.parent / "killing.py").write_text(
        "import os, signal\nfrom jinja2 import Environment\nenvironment = Environment()\n"
        "environment.globals['die'] = lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.syspath_prepend(emails.parent)

    assert ("limits/crash", "crash.mjml", 1) in found_by(keyturn, "--env", "killing:environment")


def test_however_many_check_they_find_the_same_in_the_same_order(
    keyturn: Keyturn, emails: Path
) -> None:
    (emails / "two.mjml").write_text(MAIL.replace("Dear", BLIND))

    shown = [
        keyturn("check", "emails", "--no-cache", *jobs).out
        for jobs in ((), ("--jobs", "1"), ("--jobs", "3"))
    ]
    assert shown[1:] == [shown[0]] * 2


def test_what_is_unchanged_is_not_checked_again_and_a_cache_that_cannot_be_read_or_written_is_none(
    keyturn: Keyturn, emails: Path, cache_folder: Path
) -> None:
    """What the cache holds is told, here in capital letters."""
    (emails / "two.mjml").write_text(MAIL.replace("<mj-text>", '<mj-text font-sise="16px">'))
    first = keyturn("check", "emails").out
    assert (cache_folder / "keyturn" / "check").stat().st_mode & 0o777 == 0o700
    (kept,) = (cache_folder / "keyturn" / "check").iterdir()
    kept.write_bytes(kept.read_bytes().replace(b"has no attribute", b"HAS NO ATTRIBUTE"))
    assert (
        keyturn("check", "emails").out
        == first.replace("has no attribute", "HAS NO ATTRIBUTE")
        != first
    )
    assert keyturn("check", "emails", "--no-cache").out == first

    kept.write_bytes(b"\xff no findings")
    assert keyturn("check", "emails").out == first
    kept.unlink()
    kept.mkdir()
    assert keyturn("check", "emails").out == first


UNDEFINED = "jinja/undefined"


@pytest.mark.parametrize(
    ("file", "text", "rule", "place"),
    [
        ("two.mjml", MAIL.replace("Dear", "{{ nobody }}"), UNDEFINED, "two.mjml"),
        ("two.samples.toml", '[ada]\nnobody = "Ada"\n', UNDEFINED, "two.mjml"),
        ("_parts/head.mjml", "<mj-text>{{ nobody }}</mj-text>\n", UNDEFINED, "_parts/head.mjml"),
        (
            "_parts/macros.mjml",
            "{% macro said() %}{{ nobody }}{% endmacro %}",
            UNDEFINED,
            "_parts/macros.mjml",
        ),
        ("_parts/chosen.mjml", "{{ nobody }}", UNDEFINED, "_parts/chosen.mjml"),
        (
            "locales/de/LC_MESSAGES/messages.po",
            CATALOGUE.replace("Hallo", ""),
            "languages/untranslated",
            "three.mjml",
        ),
        ("../keyturn.toml", '[studio]\nfolder = "emails"\n', UNDEFINED, "three.mjml"),
    ],
)
def test_what_changed_is_checked(
    keyturn: Keyturn, emails: Path, file: str, text: str, rule: str, place: str
) -> None:
    imported = (
        '{% import "_parts/macros.mjml" as say %}{{ say.said() }}{% include "_parts/" ~ '
        '"chosen" ~ ".mjml" %}'
    )
    files = {
        "_parts/macros.mjml": "{% macro said() %}{% endmacro %}",
        "_parts/chosen.mjml": "",
        "locales/de/LC_MESSAGES/messages.po": CATALOGUE,
        "../keyturn.toml": '[studio]\nfolder = "emails"\nglobals = {known = "Ada"}\n',
        "one.mjml": MAIL.replace("Dear", imported),
        "three.mjml": MAIL.replace("Dear {{ name }}", "{{ _('Dear friend') }} {{ known }}"),
    }
    written(emails, files)
    assert not {
        found for found in found_by(keyturn) if found[0] in {UNDEFINED, "languages/untranslated"}
    }

    (emails / file).write_text(text)

    assert {name for found, name, _ in found_by(keyturn) if found == rule} == {place}
