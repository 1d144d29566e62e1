"""Folders that nobody meant: `keyturn check`, its reports and the studio's list answer in bounded
time and words.
"""

import io
import re
import shutil
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.studio.folders import make

from keyturn import Mails
from keyturn.cli.studio.findings_in_terminal import print_findings
from keyturn.cli.studio.folders import Source, open_folder
from keyturn.errors import KeyturnError
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.formats import as_github, as_json, as_sarif
from keyturn.studio.web.pages.tree import tree as listed

pytestmark = [
    pytest.mark.hypothesis,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),  # it would hide what failed
]

FOLDERS = 10_000 if settings.default and settings.default.max_examples >= 100 else 40
"""How many folders: ten thousand in `just nightly`, which take about six minutes."""

LETTERS, SENTENCES = 2_000, 500
"""The bounds: of one finding, and of what a folder's findings say."""

MARKUP = [
    *(
        "<mjml>",
        "</mjml>",
        "<mj-head>",
        "</mj-head>",
        "<mj-body>",
        "</mj-body>",
        "<mj-section><mj-column>",
    ),
    *("</mj-column></mj-section>", "<mj-text>", "</mj-text>"),
    *(
        '<mj-button href="https://northwind.example/{{ token }}">Go</mj-button>',
        '<mj-image src="logo.png" />',
    ),
    *(
        '<mj-include path="./_layout/base.mjml" />',
        '<mj-style inline="inline">.a:hover > b { color: rgb(1,2',
    ),
    *(
        "<mj-attributes><mj-all",
        "<mj-title>Hello {{ name }}</mj-title>",
        "<!doctype html><html><head><title>",
    ),
    *(
        "</title></head><body>",
        "<p style=\"color:#777;background:url('x')\">Hello</p>",
        "<table><tr><td>",
    ),
    *(
        "<!--[if mso]>",
        "<![endif]-->",
        "<!--",
        "-->",
        "]]>",
        "&nbsp;&#x110000;&bogus;",
        "{{ name }}",
    ),
    *(
        "{{ user.address.street }}",
        "{{ items[0].price | round(2) }}",
        "{{ 1 / 0 }}",
        "{{ name | unknown }}",
    ),
    *("{{ [1,2,3] | join(name) }}", "{{ '%s' | format(name, name) }}", "{% if paid %}"),
    *(
        "{% elif x is divisibleby(0) %}",
        "{% else %}",
        "{% endif %}",
        "{% for item in items %}",
        "{% endfor %}",
    ),
    *(
        "{% block card %}",
        "{% endblock %}",
        "{% extends '_layout/base.mjml' %}",
        "{% extends 'welcome.mjml' %}",
    ),
    *(
        "{% extends missing %}",
        "{% include 'welcome.mjml' %}",
        "{% include 'nowhere.html' ignore missing %}",
    ),
    *(
        "{% import '_layout/base.mjml' as base %}{{ base.part() }}",
        "{% macro part(a, b=1) %}",
        "{{ part(1) }}",
    ),
    *(
        "{{ caller() }}",
        "{% endmacro %}",
        "{% call part() %}",
        "{% endcall %}",
        "{% set x = x %}",
        "{% raw %}",
    ),
    *("{% load i18n %}{% trans 'Hi' %}", "{% trans %}Hello {{ name }}{% endtrans %}"),
    *(
        "{% render 'part' %}{% assign a = b | date: '%Y' %}",
        "{# a comment",
        "{%",
        "}}",
        "\x00",
        "\ufeff",
        "\u202e",
    ),
    *("\U0001f600" * 50, "\r\n\r", "a" * 5_000, "<div>" * 2_000, "{{" * 500, "((((" * 2_000),
]
DATA = [
    *('{"name": "Ada"}', '{"name": [1, {"a": null}], "items": [{"price": 1e400}]}', "[" * 100_000),
    *('{"a":' * 50_000, "{", "[ada]\nname = 'Ada'\nitems = [{price = 1}]\n", "[ada]\n[ada]\n"),
    *(
        "[a" + ".b" * 5_000 + "]\nc = 1\n",
        "x = " + "[" * 5_000,
        "when = 0000-00-00\n",
        "number = 1" + "0" * 5_000,
    ),
    *(
        "ada:\n  name: &a [1, 2]\n  again: *a\n  self: &s [*s]\n",
        "ada: !!python/object/apply:os.system ['true']\n",
    ),
    *("- " * 3_000, "name,email\nAda,a@b.example\n", "", "\x00\x01"),
]
SETTINGS = [
    *("[studio]\nfolder = '.'\n", "[studio]\nfolder = '/'\n", "[studio]\nenv = 'os:system'\n"),
    "[studio]\nlanguages = ['de', 'zz-!!']\ntimezone = 'Mars/Base'\n",
    "[studio]\nignore = ['**/*', '[']\nlayouts = ['*']\n",
    "[studio]\nglobals = { name = { a = [1, 2] } }\nbrands.x = { name = 3 }\n",
    "[studio]\nseverity = { contrast = 'loud' }\nclients = ['lotus notes']\n",
    "[studio]\nlimit_seconds = 0\nlimit_megabytes = 'much'\n",
    "[studio]\nsamples = '../../..'\nlocales = '/dev'\nsnapshots = '/proc'\n",
    *("[studio]\nsuffixes = ['.x', '']\n", "studio = 3\n", "[" * 5_000),
]
NAMES = [
    *(
        b"welcome.mjml",
        b"welcome.txt",
        b"welcome.html",
        b"welcome.subject.txt",
        b"welcome.samples.toml",
    ),
    *(
        b"welcome.samples.json",
        b"welcome/welcome.mjml",
        b"welcome/samples.toml",
        b"samples/welcome/ada.json",
    ),
    *(
        b"samples/welcome.json",
        b"_layout/base.mjml",
        b"_layout/base.txt",
        b"other.html.j2",
        b"pyproject.toml",
    ),
    *(
        b"keyturn.toml",
        b".keyturn-baseline.json",
        b"locales/de/LC_MESSAGES/messages.po",
        b"deep/" * 30 + b"mail.html",
    ),
    *(b"\xff\xfe.mjml", b"na\nme.html", "größe \U0001f600.html".encode(), b"-rf.html", b"..html"),
    b"a" * 200 + b".html",
]

CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a report must not print."""

texts = (
    st.lists(st.sampled_from(MARKUP), max_size=14)
    .map("".join)
    .map(lambda text: text.encode("utf-8", "replace"))
)
contents = st.one_of(
    texts,
    texts,
    st.sampled_from(DATA).map(str.encode),
    st.sampled_from(SETTINGS).map(str.encode),
    st.binary(max_size=200),
)
odd_things = st.sampled_from(
    ["pipe", "socket", "folder", "loop", "nowhere", "device", "root", "unreadable"]
)
trees = st.dictionaries(
    st.sampled_from(NAMES), st.one_of(contents, contents, contents, odd_things), max_size=8
)


def answer(folder: Path) -> tuple[list[Finding], list[str], str]:
    """Return the findings of a folder, what is said where it or a mail is refused, and what
    `keyturn check` shows.
    """
    refusals, shown = [], io.StringIO()
    with redirect_stdout(shown), redirect_stderr(shown):
        try:
            opened, mails = open_folder(Source(folder)), Mails.open(folder)
        except KeyturnError as refusal:
            return [], [str(refusal)], ""
        checked = mails.check()
        print_findings(checked, opened.gallery)
    for write in (as_json, as_sarif):
        msgspec.json.decode(write(checked, str))
    as_github(checked, str).encode()
    listed(opened.gallery.entries(), opened.gallery.shared_files(), None)
    for name in mails.names():
        try:
            mails.render(name)
        except KeyturnError as refusal:
            refusals.append(str(refusal))
    return list(checked.found), refusals, shown.getvalue()


DEEP_STYLE = (
    f'<mjml><mj-head><mj-style inline="inline">.a {{ width: {"calc(" * 5_000} '
    f"}}</mj-style></mj-head>"
    '<mj-body><mj-section css-class="a"></mj-section></mj-body></mjml>'
)
NEWS = {b"welcome.html": b"<title>Hello</title><p>Hello {{ name }}</p>"}


@example(NEWS | {b"locales/de/LC_MESSAGES/messages.po": b'msgid "a\n'})
@example(
    {b"welcome.txt": b"{% macro part(a) %}<mjml>{{ 1 / 0 }}{% macro card(a) %}{% block card %}"}
)
@example({b"welcome.html": b"((((" * 2_000})
@example({b"welcome.html": b"{% else %}" + b"{{" * 700})
@example({b"welcome.mjml": b"<mjml><mj-all" + b"(" * 8_000 + b"></mj-body></mjml>"})
@example({b"welcome.mjml": b"<mjml><mj-all" + b"(" * 8_000 + b">"})
@example({b"welcome.mjml": b"{%" + b"a" * 5_000})
@example(
    {
        b"welcome.mjml": b"<mjml><mj-body><mj-text "
        + b"(" * 8_000
        + b"='x'>a</mj-text></mj-body></mjml>"
    }
)
@example(NEWS | {b"\xff\xfe.mjml": b"<mjml>", b"na\nme.html": b"\x1b]0;a\x07{{ 1 / 0 }}"})
@example(
    NEWS
    | {b"welcome.samples.toml": "device", b"welcome.samples.json": "pipe", b"keyturn.toml": "loop"}
)
@example(
    {
        b"welcome.html": b"<title>Hello</title><style>p { color: "
        + b"(" * 5_000
        + b" }</style><p>Hello"
    }
)
@example(
    {b"welcome.html": b'<title>Hello</title><p style="width: ' + b"calc(" * 5_000 + b'">Hello</p>'}
)
@example(
    {
        b"welcome.html": b"<title>Hello</title><style>"
        + b"@media all {" * 5_000
        + b"</style><p>Hello"
    }
)
@example({b"welcome.mjml": DEEP_STYLE.encode()})
@given(trees)
@settings(max_examples=FOLDERS, suppress_health_check=list(HealthCheck))
def test_whatever_lies_in_a_folder_is_answered_in_bounded_time_and_words(
    tree: dict[bytes, bytes | str],
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        make(folder, tree)
        findings, refusals, shown = answer(folder)
    finally:
        shutil.rmtree(folder)
    sentences = {f"{finding.message} {finding.fix}" for finding in findings} | set(refusals)
    assert len(sentences) <= SENTENCES
    for said in sentences:
        assert 0 < len(said) <= LETTERS, said[:500]
        assert "Traceback" not in said
        assert " object at 0x" not in said
    assert not CONTROLS.search(shown)
    assert "Traceback" not in shown


def test_neither_a_file_nor_its_name_controls_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\n::error::b\x1b[2J.html").write_text(
        "<p>\x1b]0;title\x07 \u202e {{ 1 / 0 }}</p>"
    )
    shown = answer(tmp_path)[2]
    assert not CONTROLS.search(shown)
    assert "a\ufffd::error::b\ufffd[2J.html:1:" in shown
    assert not [line for line in shown.splitlines() if line.startswith("::")]
