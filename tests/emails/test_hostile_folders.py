"""Folders that nobody meant: whatever lies in one, `Mails` answers in bounded time, memory and words."""

import os
import resource
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyturn import Mails
from keyturn.emails.lint.finding import Finding
from keyturn.errors import KeyturnError

pytestmark = [pytest.mark.hypothesis, pytest.mark.timeout(1200)]

FOLDERS = int(os.environ.get("FOLDERS", "0")) or (
    1_000 if settings.default and settings.default.max_examples >= 100 else 40
)
"""How many folders. `FOLDERS=10000 just stories` tries ten times as many, in about four minutes more."""

SECONDS, MEGABYTES, LETTERS, SENTENCES = 20, 400, 2_000, 500
"""The bounds: of one folder, of the memory that it adds, of one finding, and of what a folder's findings say."""

MARKUP = [
    "<mjml>",
    "</mjml>",
    "<mj-head>",
    "</mj-head>",
    "<mj-body>",
    "</mj-body>",
    "<mj-section><mj-column>",
    "</mj-column></mj-section>",
    "<mj-text>",
    "</mj-text>",
    '<mj-button href="https://northwind.example/{{ token }}">Go</mj-button>',
    '<mj-image src="logo.png" />',
    '<mj-include path="./_layout/base.mjml" />',
    '<mj-style inline="inline">.a:hover > b { color: rgb(1,2',
    "<mj-attributes><mj-all",
    "<mj-title>Hello {{ name }}</mj-title>",
    "<!doctype html><html><head><title>",
    "</title></head><body>",
    "<p style=\"color:#777;background:url('x')\">Hello</p>",
    "<table><tr><td>",
    "<!--[if mso]>",
    "<![endif]-->",
    "<!--",
    "-->",
    "]]>",
    "&nbsp;&#x110000;&bogus;",
    "{{ name }}",
    "{{ user.address.street }}",
    "{{ items[0].price | round(2) }}",
    "{{ 1 / 0 }}",
    "{{ name | unknown }}",
    "{{ [1,2,3] | join(name) }}",
    "{{ '%s' | format(name, name) }}",
    "{% if paid %}",
    "{% elif x is divisibleby(0) %}",
    "{% else %}",
    "{% endif %}",
    "{% for item in items %}",
    "{% endfor %}",
    "{% block card %}",
    "{% endblock %}",
    "{% extends '_layout/base.mjml' %}",
    "{% extends 'welcome.mjml' %}",
    "{% extends missing %}",
    "{% include 'welcome.mjml' %}",
    "{% include 'nowhere.html' ignore missing %}",
    "{% import '_layout/base.mjml' as base %}{{ base.part() }}",
    "{% macro part(a, b=1) %}",
    "{{ part(1) }}",
    "{{ caller() }}",
    "{% endmacro %}",
    "{% call part() %}",
    "{% endcall %}",
    "{% set x = x %}",
    "{% raw %}",
    "{% load i18n %}{% trans 'Hi' %}",
    "{% trans %}Hello {{ name }}{% endtrans %}",
    "{% render 'part' %}{% assign a = b | date: '%Y' %}",
    "{# a comment",
    "{%",
    "}}",
    "\x00",
    "\ufeff",
    "\u202e",
    "\U0001f600" * 50,
    "\r\n\r",
    "a" * 5_000,
    "<div>" * 2_000,
    "{{" * 500,
    "((((" * 2_000,
]
DATA = [
    '{"name": "Ada"}',
    '{"name": [1, {"a": null}], "items": [{"price": 1e400}]}',
    "[" * 100_000,
    '{"a":' * 50_000,
    "{",
    "[ada]\nname = 'Ada'\nitems = [{price = 1}]\n",
    "[ada]\n[ada]\n",
    "[a" + ".b" * 5_000 + "]\nc = 1\n",
    "x = " + "[" * 5_000,
    "when = 0000-00-00\n",
    "number = 1" + "0" * 5_000,
    "ada:\n  name: &a [1, 2]\n  again: *a\n  self: &s [*s]\n",
    "ada: !!python/object/apply:os.system ['true']\n",
    "- " * 3_000,
    "name,email\nAda,a@b.example\n",
    "",
    "\x00\x01",
]
SETTINGS = [
    "[studio]\nfolder = '.'\n",
    "[studio]\nfolder = '/'\n",
    "[studio]\nenv = 'os:system'\n",
    "[studio]\nlanguages = ['de', 'zz-!!']\ntimezone = 'Mars/Base'\n",
    "[studio]\nignore = ['**/*', '[']\nlayouts = ['*']\n",
    "[studio]\nglobals = { name = { a = [1, 2] } }\nbrands.x = { name = 3 }\n",
    "[studio]\nseverity = { contrast = 'loud' }\nclients = ['lotus notes']\n",
    "[studio]\nlimit_seconds = 0\nlimit_megabytes = 'much'\n",
    "[studio]\nsamples = '../../..'\nlocales = '/dev'\ngoldens = '/proc'\n",
    "[studio]\noutlook_classic = false\nsuffixes = ['.x', '']\n",
    "[tool.keyturn.studio]\nengine = 'liquid'\n",
    "studio = 3\n",
    "[" * 5_000,
]
NAMES = [
    b"welcome.mjml",
    b"welcome.txt",
    b"welcome.html",
    b"welcome.subject.txt",
    b"welcome.samples.toml",
    b"welcome.samples.json",
    b"welcome.samples.yaml",
    b"welcome/welcome.mjml",
    b"welcome/samples.toml",
    b"samples/welcome/ada.json",
    b"samples/welcome.yaml",
    b"_layout/base.mjml",
    b"_layout/base.txt",
    b"part.liquid",
    b"other.html.j2",
    b"pyproject.toml",
    b"keyturn.toml",
    b".keyturn-baseline.json",
    b"locales/de/LC_MESSAGES/messages.po",
    b"deep/" * 30 + b"mail.html",
    b"\xff\xfe.mjml",
    b"na\nme.html",
    "größe \U0001f600.html".encode(),
    b"-rf.html",
    b"..html",
    b"a" * 200 + b".html",
]

texts = st.lists(st.sampled_from(MARKUP), max_size=14).map("".join).map(lambda text: text.encode("utf-8", "replace"))
contents = st.one_of(
    texts,
    texts,
    st.sampled_from(DATA).map(str.encode),
    st.sampled_from(SETTINGS).map(str.encode),
    st.binary(max_size=200),
)
odd_things = st.sampled_from(["pipe", "socket", "folder", "loop", "nowhere", "device", "root", "unreadable"])
trees = st.dictionaries(st.sampled_from(NAMES), st.one_of(contents, contents, contents, odd_things), max_size=8)


def make(folder: Path, tree: dict[bytes, bytes | str]) -> None:
    for name, thing in tree.items():
        place = folder / os.fsdecode(name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            make_one(place, thing)
        except OSError:  # the name is taken by a file, or goes through one
            continue


def make_one(place: Path, thing: bytes | str) -> None:
    match thing:
        case bytes():
            place.write_bytes(thing)
        case "pipe":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as here:
                here.bind(os.fsencode(place))
        case "folder":
            place.mkdir()
        case "unreadable":
            place.write_bytes(b"<p>Hello</p>")
            place.chmod(0)
        case _:
            leads = {"loop": place.name, "nowhere": "/none", "device": "/dev/zero", "root": "/"}
            place.symlink_to(leads[thing])


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def end(*_: object) -> None:
        raise TimeoutError(f"no answer in {seconds} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def answer(folder: Path) -> tuple[list[Finding], list[str]]:
    """Return the findings of a folder, and what is said where it, or one of its mails, is refused."""
    refusals = []
    try:
        mails = Mails.open(folder)
        found = [one.finding for one in mails.check().found]
    except KeyturnError as refusal:
        return [], [str(refusal)]
    for name in mails.names():
        try:
            mails.render(name)
        except KeyturnError as refusal:
            refusals.append(str(refusal))
    return found, refusals


@given(trees)
@settings(max_examples=FOLDERS, suppress_health_check=list(HealthCheck))
def test_whatever_lies_in_a_folder_is_answered_in_bounded_time_memory_and_words(
    tree: dict[bytes, bytes | str],
) -> None:
    folder = Path(tempfile.mkdtemp())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        make(folder, tree)
        with at_most(SECONDS):
            findings, refusals = answer(folder)
    finally:
        shutil.rmtree(folder)
    sentences = {f"{finding.message} {finding.fix}" for finding in findings} | set(refusals)
    assert len(sentences) <= SENTENCES
    for said in sentences:
        assert 0 < len(said) <= LETTERS, said[:500]
        assert "Traceback" not in said
        assert " object at 0x" not in said
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= MEGABYTES * 1024


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("welcome.html", "{{" * 500 + "name", "An expression is nested too deeply."),
        ("welcome.samples.yaml", "ada:\n  name: \x00\n", "special characters are not allowed"),
        ("pyproject.toml", "number = 1" + "0" * 5_000, "cannot be read: Exceeds the limit (4300 digits)"),
        ("keyturn.toml", "[studio]\nclients = ['lotus notes']\n", "no group of clients is called 'lotus notes'"),
    ],
)
def test_what_was_found_is_said(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / "welcome.html").write_text("<title>Hello</title><p>Hello {{ name }}</p>")
    (tmp_path / name).write_text(text)
    findings, refusals = answer(tmp_path)
    assert words in " ".join([*refusals, *(finding.message for finding in findings)])


DEEP_STYLE_OF_MJML = (
    f'<mjml><mj-head><mj-style inline="inline">.a {{ width: {"calc(" * 5_000} }}</mj-style></mj-head>'
    '<mj-body><mj-section css-class="a"></mj-section></mj-body></mjml>'
)


@pytest.mark.parametrize(
    "text",
    [
        f"<title>Hello</title><style>p {{ color: {'(' * 5_000} }}</style><p>Hello",
        f'<title>Hello</title><p style="width: {"calc(" * 5_000}">Hello</p>',
        f"<title>Hello</title><style>{'@media all {' * 5_000}</style><p>Hello",
        DEEP_STYLE_OF_MJML,
    ],
)
def test_deep_css_is_read(tmp_path: Path, text: str) -> None:
    (tmp_path / f"welcome.{'mjml' if text.startswith('<mjml') else 'html'}").write_text(text)
    findings, _ = answer(tmp_path)
    assert findings
