"""Mistakes planted in real mails: each is found, under its rule, in its file, on its line."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.emails.lint.planting import Mails, at

from keyturn.studio.lint.checks import CHECKS
from keyturn.studio.lint.document import Document
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.formats import as_github, as_json, as_sarif
from keyturn.studio.lint.report import Report

PARTS, HEAD, BASE = "_layout/parts.mjml", "_layout/head.mjml", "_layout/base.mjml"
RESET, RESET_TEXT = "password_reset/password_reset.mjml", "password_reset/password_reset.txt"

# Where to plant: a paragraph of every mail, the end of the styles, the card of the reset mail.
STYLES = "@media (max-width: 480px)"
RULE = "{{ part.rule() }}"
BUTTON = '{{ part.button(pgettext("button", "Choose a new password"), link) }}'


SUBJECT = '{{ _("Reset your %(brand)s password", brand=brand.name) }}'
HREF = 'href="{{ link }}">{{ label }}'
DARK_BUTTON = "{{ text }}.card .button a { color: "
OUTLOOK = '{{ dark("[data-ogsc] ", "[data-ogsb] ") -}}'
BUTTON_DRAWN, BODY_DRAWN = (PARTS, "<mj-button"), (BASE, "<mj-body")


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


def before_rule(rule: str, mjml: str, seen: str) -> Seed:
    return Seed(rule, RESET, RULE, f"{mjml}\n{RULE}", (RESET, seen))


SEEDS = [  # where the mail is MJML with a layout; test_explaining plants the example of each rule
    # Compatibility
    html("compatibility/css-unit-rem", '<p style="padding-top: 2rem">One</p>'),
    style("compatibility/css-unit-rem", "@media (max-width: 30rem) { .card { color: #111111; } }"),
    style("compatibility/css-pseudo-class-hover", ".card a:hover { color: #111111; }"),
    html("compatibility/html-meta-color-scheme", '<meta name="color-scheme" content="light">'),
    html("compatibility/css-background-image", '<p style="background: url(https://a.example/a.png)">x</p>'),
    html("compatibility/html-video", '<video src="https://a.example/a.mp4"></video>'),
    html("compatibility/html-svg", "<svg><circle/></svg>"),
    html("compatibility/html-anchor-links", '<a href="#more">More about it</a>'),
    html("compatibility/html-hidden", "<p hidden>x</p>"),
    html("compatibility/image-svg", '<img src="https://a.example/a.svg?v=2" alt="Harbour" width="20">'),
    html("compatibility/css-modern-color", '<p style="color:oklch(40% 0.2 10)">x</p>'),
    html("compatibility/html-form", '<form action="https://northwind.example"></form>'),
    html("compatibility/image-webp", '<img src="https://a.example/a.webp" alt="Harbour" width="20">'),
    style("compatibility/css-variables", ".card { --ink: #1c1b19; }"),
    style("compatibility/css-at-import", "@import url(https://a.example/a.css);"),
    style("compatibility/css-pseudo-class-nth-child", ".card td:nth-child(2) { color: #111111; }"),
    style("compatibility/css-nesting", ".card { & td { color: #111111; } }"),
    Seed(
        "compatibility/css-border-radius", BASE, 'border-radius="{{ brand.radius * 3 // 2 }}px"', 'border-radius="14px"'
    ),
    # Links
    Seed("links/third-party", PARTS, HREF, 'href="https://u1.ct.sendgrid.net/?to={{ link|urlencode }}">{{ label }}'),
    # What runs in pages alone
    before_rule("active/refresh", '<mj-raw><meta http-equiv="refresh" content="0"></mj-raw>', "<meta"),
    # Accessibility
    Seed("accessibility/lang", BASE, ' lang="{{ lang }}"', "", (BASE, "<mjml")),
    Seed("accessibility/title", RESET, SUBJECT, "", (BASE, "<mj-title>")),
    Seed("accessibility/alt-missing", PARTS, ' alt="{{ brand.logo_alt }}"', "", (PARTS, "<img")),
    before_rule("accessibility/alt-missing", '<mj-image src="https://a.example/a.png" />', "<mj-image"),
    Seed("accessibility/alt-file-name", PARTS, 'alt="{{ brand.logo_alt }}"', 'alt="logo.png"'),
    Seed("accessibility/no-heading", PARTS, '<h1 style="', '<div style="', BODY_DRAWN),
    before_rule("accessibility/table-role", "<mj-table><tr><td>One</td></tr></mj-table>", "<mj-table"),
    # Contrast
    html("contrast/light", '<span style="color:#9a9a9a">Grey on white</span>'),
    html("contrast/light", '<span style="background:#14614b">Ink on green</span>'),
    html("contrast/light", '<font color="#cccccc">Grey on white</font>'),
    Seed(
        "contrast/light",
        HEAD,
        'background-color="{{ palette.accent }}" color',
        'background-color="#8fd9c0" color',
        BUTTON_DRAWN,
    ),
    Seed("contrast/dark", HEAD, DARK_BUTTON + "{{ palette.dark_on_accent }}", DARK_BUTTON + "#ffffff", BUTTON_DRAWN),
    html("contrast/dark", '<span style="color:#1c1b19 !important">Stays dark</span>'),
    Seed(
        "contrast/partial",
        HEAD,
        OUTLOOK,
        "[data-ogsc] .card div { color: #333333 !important; }",
        (PARTS, '<mj-text padding="0 0 20px">'),
    ),
    html("contrast/full", '<span style="background:#7c7c7c;color:#000000">Grey in the middle</span>'),
    # Sizes
    Seed("sizes/clipped", RESET, RULE, f"<mj-text>{'x' * 103_000}</mj-text>\n{RULE}", (RESET, "xxx")),
    Seed(
        "sizes/style-dropped", HEAD, STYLES, f"{'.unused { color: #111111; } ' * 650}\n{STYLES}", (HEAD, "<mj-style>")
    ),
    html("sizes/image-without-width", '<img src="https://a.example/a.png" alt="Harbour">'),
    # The text part
    Seed(
        "parity/html-in-text",
        RESET_TEXT,
        "{{ link }}",
        "<a href='{{ link }}'>link</a>\n{{ link }}",
        (RESET_TEXT, "<a href"),
    ),
    Seed("parity/html-in-text", RESET_TEXT, "{{ link }}", "{{ link }}\nTom &amp; Ada", (RESET_TEXT, "&amp;")),
    Seed("parity/link-not-in-text", RESET_TEXT, "{{ link }}", "", BUTTON_DRAWN),
    Seed(
        "parity/link-not-in-html",
        RESET_TEXT,
        "{{ link }}",
        "{{ link }}\nhttps://northwind.example/help",
        (RESET_TEXT, "/help"),
    ),
    Seed(
        "parity/long-line",
        "_layout/base.txt",
        "{% block reason required %}{% endblock %}",
        "{% block reason required %}{% endblock %}\n\n" + "word " * 110,
        ("_layout/base.txt", "word word"),
    ),
    html("parity/unfilled", "{% raw %}Hello {{ name }}{% endraw %}"),
    Seed("parity/unfilled", RESET_TEXT, "{{ link }}", "{{ link }}\n{{ '%(name)s' }}", (RESET_TEXT, "{{ '%(name)s' }}")),
    # Safety
    Seed(
        "safety/calls-to-action",
        RESET,
        RULE,
        f'{RULE}\n<mj-button href="https://northwind.example/help">Help</mj-button>',
        (RESET, "<mj-button"),
    ),
    Seed("safety/no-call-to-action", RESET, BUTTON, "", BODY_DRAWN),
    Seed("safety/link-without-token", PARTS, HREF, 'href="https://northwind.example/reset-password">{{ label }}'),
    Seed("safety/not-https", PARTS, HREF, "href=\"{{ link|replace('https:', 'http:') }}\">{{ label }}"),
    Seed(
        "safety/foreign-host", PARTS, HREF, 'href="https://go.elsewhere.example/?to={{ link|urlencode }}">{{ label }}'
    ),
    Seed("safety/link-differs", RESET_TEXT, "{{ link }}", "{{ link|lower }}", BUTTON_DRAWN),
    Seed("safety/token-in-subject", RESET, SUBJECT, "{{ link }}"),
    Seed("safety/token-in-preheader", RESET, '{{ _("The link works until', "{{ link }}" + '{{ _("The link works until'),
    before_rule(
        "safety/tracker",
        '<mj-raw><img src="https://northwind.example/i.gif" alt="" width="1" height="1"></mj-raw>',
        "<img",
    ),
    before_rule(
        "safety/foreign-image", '<mj-image src="https://images.elsewhere.example/a.png" alt="Harbour" />', "<mj-image"
    ),
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
    if seed.rule in ("safety/no-call-to-action", "safety/link-without-token"):
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
