"""A program opens a folder, and renders and checks its mails."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from keyturn import DataUnfit, KeyturnError, Mails, TemplateInvalid, UnknownMail
from keyturn.errors import SettingsInvalid

pytestmark = pytest.mark.long

DOCS = Path(__file__).parents[2] / "docs" / "check.md"
WELCOME = """<mjml><mj-head><mj-title>Welcome, {{ name }}</mj-title></mj-head><mj-body><mj-section>
<mj-column><mj-text>Hello {{ name }}</mj-text></mj-column></mj-section></mj-body></mjml>
"""
TYPED = """from keyturn.mail.rendering.render import EmailProps

class Welcome(EmailProps):
    template = "welcome"
    name: str
"""


@pytest.fixture
def emails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (folder := tmp_path / "emails").mkdir()
    (folder / "welcome.mjml").write_text(WELCOME)
    (folder / "welcome.txt").write_text("Hello {{ name }}")
    (folder / "welcome.samples.toml").write_text('[ada]\nname = "Ada"\n[eve]\nname = "Eve"\n')
    return folder


@pytest.mark.usefixtures("emails")
def test_the_example_of_the_docs_runs() -> None:
    (example,) = re.findall(
        r"```python\n(from keyturn import DataUnfit.*?)```", DOCS.read_text("utf-8"), re.DOTALL
    )
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=True
    )
    printed = done.stdout.splitlines()
    assert printed[:3] == ["welcome ('ada', 'eve')", "Welcome, Ada", "Hello Ada"]
    assert printed[-1] == "There is no template called goodbye."


def test_a_mail_has_the_values_of_its_data_or_of_a_sample(emails: Path) -> None:
    mails = Mails.open(emails)
    assert mails.render("welcome", {"name": "Bo"}).subject == "Welcome, Bo"
    assert mails.render("welcome").subject == "Welcome, Ada"
    assert mails.render("welcome", sample="eve").subject == "Welcome, Eve"


HEADS = [
    (
        "<!-- <mj-title>Old</mj-title> --><mj-title>New</mj-title><mj-preview>Now</mj-preview>",
        "New",
        "Now",
    ),
    ("<mj-title\n>News</mj-title ><mj-preview >Now</mj-preview>", "News", "Now"),
    ("<mj-title>One</mj-title><mj-title>Two</mj-title><mj-preview>A</mj-preview>", "Two", "A"),
    (
        "<mj-title>Q&amp;A today</mj-title><mj-raw><mj-title>Raw</mj-title></mj-raw>",
        "Q&A today",
        "",
    ),
]
PAGES = [
    (
        (
            "<!-- <title>Old</title> --><title lang=en>New</title><div style='display : "
            "NONE'>Now</div>"
        ),
        "New",
        "Now",
    ),
    (
        "<svg><title>Boat</title></svg><title>News</title><p class=preheader>Now <i>or</i>",
        "News",
        "Now or",
    ),
    ("<!-- <div style='display:none'>Old</div> --><span class='x preview'>Now</span>", "", "Now"),
    ("<p>Seen</p><div class='link-preview'>Seen, too</div>", "", ""),
]


@pytest.mark.parametrize(
    ("file", "markup", "subject", "preheader"),
    [
        *(
            ("news.mjml", f"<mjml><mj-head>{head}</mj-head><mj-body></mj-body></mjml>", *read)
            for head, *read in HEADS
        ),
        *(("news.html", f"<html><body>{page}</body></html>", *read) for page, *read in PAGES),
    ],
)
def test_subject_and_preheader_are_those_that_the_compiler_or_a_browser_reads(
    emails: Path, file: str, markup: str, subject: str, preheader: str
) -> None:
    (emails / file).write_text(markup)
    mail = Mails.open(emails).render("news", {})
    assert (mail.subject, mail.preheader) == (subject, preheader)


def test_findings_are_those_of_one_mail_or_of_all(emails: Path) -> None:
    mails = Mails.open(emails)
    (emails / "news.html").write_text("<h1>News</h1><a href='htps://boats.test'>Boats</a>")
    assert mails.names() == ["news", "welcome"], "each call reads the files anew"
    assert {one.place.file for one in mails.check(["news"]).found} == {"news.html"}
    assert mails.check().templates == 2
    assert "links/unknown-scheme" in {one.rule for one in mails.check_mail("news").findings}
    assert not [one for one in mails.check_mail("welcome").findings if one.severity == "error"]


def test_a_mistake_in_a_template_is_a_finding_or_an_error_with_its_line(emails: Path) -> None:
    (emails / "welcome.mjml").write_text(WELCOME + "{% if %}")
    mails = Mails.open(emails)
    assert mails.check_mail("welcome").findings[0].severity == "error"
    with pytest.raises(TemplateInvalid) as invalid:
        mails.render("welcome")
    assert (Path(invalid.value.path).name, invalid.value.line) == ("welcome.mjml", 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"template": "nothing"}, "There is no template called nothing."),
        (
            {"template": "welcome", "sample": "nobody"},
            "welcome has no sample called nobody; it has ada, eve.",
        ),
        ({"template": "welcome", "brand": "other"}, "There is no brand called other."),
    ],
)
def test_what_does_not_exist_is_one_kind_of_error(
    emails: Path, arguments: dict[str, Any], words: str
) -> None:
    for job in (Mails.open(emails).render, Mails.open(emails).check_mail):
        with pytest.raises(UnknownMail, match=re.escape(words)) as unknown:
            job(**arguments)
        assert isinstance(unknown.value, KeyturnError)
        assert isinstance(unknown.value, LookupError)


def test_settings_that_run_code_need_trust_and_data_that_does_not_fit_a_type_is_refused(
    emails: Path,
) -> None:
    (emails.parent / "types_of_mails.py").write_text(TYPED)
    (emails / "keyturn.toml").write_text('[studio]\nprops = "types_of_mails"\n')
    (emails.parent / "pyproject.toml").write_text("")
    with pytest.raises(SettingsInvalid, match="props"):
        Mails.open(emails)
    trusted = Mails.open(emails, trusted=True)
    with pytest.raises(DataUnfit, match="Expected `str`, got `int`"):
        trusted.render("welcome", {"name": 7})
    with pytest.raises(DataUnfit, match="not a mapping of names to values, but a list"):
        trusted.render("welcome", cast("Any", ["Ada"]))
    with pytest.raises(NotADirectoryError, match="There is no folder nothing"):
        Mails.open("nothing")
