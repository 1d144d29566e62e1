"""Mistakes planted in real mails: each is found, under its rule, in its file, on its line."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.studio.lint.planting import Mails, at

from keyturn.studio.lint.checks import CHECKS
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.formats import as_github, as_json, as_sarif
from keyturn.studio.lint.report import Report

PARTS, HEAD, BASE = "_layout/parts.mjml", "_layout/head.mjml", "_layout/base.mjml"
RESET, RESET_TEXT = "password_reset/password_reset.mjml", "password_reset/password_reset.txt"

# Where to plant: the end of the styles, the card of the reset mail.
STYLES = "@media (max-width: 480px)"
RULE = "{{ part.rule() }}"


HREF = 'href="{{ link }}">{{ label }}'
BUTTON_TAG, BODY_TAG = (PARTS, "<mj-button"), (BASE, "<mj-body")


class Seed(NamedTuple):
    """`old` becomes `new` in `file`; the finding stands where `seen` stands, else where `new` does."""

    rule: str
    file: str
    old: str
    new: str
    seen: tuple[str, str] = ("", "")


def html(rule: str, markup: str) -> Seed:
    return Seed(rule, RESET, RULE, f"<mj-text>\n{markup}\n</mj-text>\n{RULE}", (RESET, markup))


def style(rule: str, css: str) -> Seed:
    return Seed(rule, HEAD, STYLES, f"{css}\n{STYLES}", (HEAD, css))


SEEDS = [  # in MJML with a layout; mistakes.toml, html_mistakes.toml and the examples of test_explaining have others
    # Compatibility
    html("compatibility/css-unit-rem", '<p style="padding-top: 2rem">One</p>'),
    style("compatibility/css-unit-rem", "@media (max-width: 30rem) { .card { color: #111111; } }"),
    style("compatibility/css-pseudo-class-hover", ".card a:hover { color: #111111; }"),
    html("compatibility/html-meta-color-scheme", '<meta name="color-scheme" content="light">'),
    html("compatibility/html-svg", "<svg><circle/></svg>"),
    html("compatibility/html-anchor-links", '<a href="#more">More about it</a>'),
    html("compatibility/html-hidden", "<p hidden>x</p>"),
    html("compatibility/image-svg", '<img src="https://a.example/a.svg?v=2" alt="Harbour" width="20">'),
    html("compatibility/css-modern-color", '<p style="color:oklch(40% 0.2 10)">x</p>'),
    style("compatibility/css-pseudo-class-nth-child", ".card td:nth-child(2) { color: #111111; }"),
    style("compatibility/css-nesting", ".card { & td { color: #111111; } }"),
    Seed(
        "compatibility/css-border-radius", BASE, 'border-radius="{{ brand.radius * 3 // 2 }}px"', 'border-radius="14px"'
    ),
    # Accessibility
    Seed("accessibility/no-heading", PARTS, '<h1 style="', '<div style="', BODY_TAG),
    # The text part
    Seed(
        "parity/long-line",
        "_layout/base.txt",
        "{% block reason required %}{% endblock %}",
        "{% block reason required %}{% endblock %}\n\n" + "word " * 110,
        ("_layout/base.txt", "word word"),
    ),
    # Safety
    Seed("safety/link-without-token", PARTS, HREF, 'href="https://northwind.example/reset-password">{{ label }}'),
    Seed("safety/link-differs", RESET_TEXT, "{{ link }}", "{{ link|lower }}", BUTTON_TAG),
]


def found_in(document: Document) -> list[Finding]:
    return [finding for check in CHECKS for finding in check(document)]


def rules(findings: Iterable[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


@pytest.fixture(scope="module")
def garden(tmp_path_factory: pytest.TempPathFactory) -> Mails:
    return Mails.copied_to(tmp_path_factory.mktemp("garden"))


@pytest.fixture
def mails(garden: Mails) -> Iterator[Mails]:
    """Return mails in which one mistake after the other is planted: what has none is not compiled again."""
    yield garden
    garden.weed()


@pytest.mark.parametrize("seed", SEEDS, ids=[f"{number}-{seed.rule}" for number, seed in enumerate(SEEDS)])
@pytest.mark.long
def test_a_planted_mistake_is_found_where_it_was_planted(mails: Mails, seed: Seed) -> None:
    if seed.rule == "safety/link-without-token":
        mails.plant(RESET, "{{ part.fallback(link) }}", "")  # or that is the link
    mails.plant(seed.file, seed.old, seed.new)
    file, text = seed.seen if seed.seen[0] else (seed.file, seed.new)
    found = [finding for finding in found_in(mails.read()) if finding.rule == seed.rule]
    assert mails.line(file, text) in {at(finding.place) for finding in found}
    for write in (as_json, as_github, as_sarif):
        assert write(Report(tuple(found)), str)
    for finding in found:
        assert finding.message.endswith((".", ")."))
        assert finding.fix.endswith((".", "?"))


def test_what_mjml_writes_by_itself_is_not_reported(tmp_path: Path) -> None:
    mails = Mails.copied_to(tmp_path)
    mails.write("plain/plain.txt", "Hello\n")
    mails.write(
        "plain/plain.mjml",
        """<mjml lang="en"><mj-head><mj-title>Hello</mj-title></mj-head><mj-body>
        <mj-hero background-url="https://northwind.example/a.png" background-height="100px" background-color="#ffffff">
        <mj-text><h1>Hello</h1></mj-text></mj-hero>
        <mj-section background-url="https://northwind.example/a.png" background-size="cover"><mj-column>
        <mj-image src="https://northwind.example/a.png" alt="Harbour" /><mj-divider /><mj-spacer height="20px" />
        </mj-column></mj-section></mj-body></mjml>""",
    )
    found = found_in(mails.read_values("plain", {"name": "Ada"}))
    assert found == []
