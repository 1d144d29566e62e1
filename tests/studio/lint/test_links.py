"""Links are judged by their addresses and their texts alone, where they are written."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.studio.folders import found_in

from keyturn.studio.lint.checks.addresses import secret_in
from keyturn.studio.lint.mail_checks import check_sent_mail

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"
PAGE = '<html lang="en"><head><title>Hello</title></head><body><h1>Hello</h1>\n{}</body></html>'
MJML = "<mjml><mj-body><mj-section><mj-column>\n{}\n</mj-column></mj-section></mj-body></mjml>"
BAR = "<mj-navbar base-url='{}'><mj-navbar-link href='{}'>News</mj-navbar-link></mj-navbar>"
TO_TEXT = '<mj-text><a href="{}">Help</a></mj-text>'

UNKNOWN, DOUBLED, RELATIVE, HERE, VAGUE = (
    {"links/unknown-scheme": "error"},
    {"links/doubled-scheme": "error"},
    {"links/relative": "error"},
    {"links/this-machine": "error"},
    {"links/vague-text": "warning"},
)
SOURCES: dict[str, Mapping[str, str]] = {
    "htps://northwind.example/a.png": UNKNOWN,
    "https://https://northwind.example/a.png": DOUBLED,
    "file:///a.png": UNKNOWN,
    "http://localhost:3000/boat.png": HERE,
    "http://localhost:PORT/boat.png": HERE,
    "https://northwind.example/a.png": {},
    "cid:logo": {},
    "data:image/png;base64,AA==": {},
    "images/a.png": {},
    "https://[[host]]/a.png": {},  # the brackets of IPv6 around no address
    "": {},
}
"""What an image may be loaded from, and may not.

A path may become an address when the mail is sent.
"""

JUDGED: list[tuple[str, Mapping[str, str]]] = [
    ('<mj-button href="https://northwind.example/help">Help with passwords</mj-button>', {}),
    (TO_TEXT.format("mailto:help@northwind.example?subject=Help"), {}),
    (TO_TEXT.format("mailto:help@northwind.example,office@northwind.example"), {}),
    (TO_TEXT.format("tel:+4915100000"), {}),
    ('<mj-text><a href="#more">More about passwords</a><a name="more"></a></mj-text>', {}),
    (
        (
            '<mj-image src="https://northwind.example/a.png" alt="School" '
            'href="https://northwind.example" />'
        ),
        {},
    ),
    (
        TO_TEXT.format("https://northwind.example/a")
        + TO_TEXT.format("https://northwind.example/a/"),
        {},
    ),
    (TO_TEXT.format("{{ '{{' }} unsubscribe }}"), {}),  # a place holder of the sending service
    *(
        (TO_TEXT.format(placeholder), {})
        for placeholder in (
            *(
                "[unsubscribe]",
                "{unsubscribe_url}",
                "*|UNSUB|*",
                "%%unsubscribe%%",
                "%unsubscribe_url%",
                "${link}",
            ),
            *(
                "[[link]]",
                "&lt;&lt;link&gt;&gt;",
                "##link##",
                "~link~",
                "{$link}/a",
                "(link)",
                "@link@",
                "{user.link}",
            ),
        )
    ),
    *(
        (TO_TEXT.format(address), RELATIVE)
        for address in (
            "%20harbour",
            "%C3%A9t%C3%A9",
            "'orders'",
            "?a=[1]",
            "[1]/harbour",
            "harbour[a]",
        )
    ),
    *(
        (TO_TEXT.format(f"http{host}/help"), HERE)
        for host in ("s://127.0.0.1", "://app.localhost", "://192.168.1.20:8000")
    ),
    (TO_TEXT.format("http://localhost:3000"), HERE),
    (TO_TEXT.format("http:https://b.example/x"), DOUBLED),
    (TO_TEXT.format("https://northwind.example/htps://a.example"), DOUBLED),
    (TO_TEXT.format("www.northwind.example/help"), RELATIVE),
    (TO_TEXT.format("https:/northwind.example/help"), {"links/no-host": "error"}),
    *(
        (TO_TEXT.format(address).replace("Help", address), {})
        for address in (  # an address within another one
            "https://a.example/go?to=https://b.example",
            "https://a.example:8080/x",
            "https://a.example/web/20/http://b",
        )
    ),
    (BAR.format("https://northwind.example", "/news"), {}),
    (BAR.format("", "/news"), RELATIVE),
    (BAR.format("", "https://https://b.example/x"), DOUBLED),
    (BAR.format("htps://northwind.example", "/news"), UNKNOWN),
    *(
        (BAR.format(f"https://northwind.example{slash}", address), DOUBLED)
        for slash in ("", "/")
        for address in (
            *("https://northwind.example/news", "htps://b.example/x", "htps://b.example"),
            *("mailto:help@northwind.example", "tel:+4915100000"),
        )
    ),
    *((f'<mj-image alt="Boat" src="{source}" />', rules) for source, rules in SOURCES.items()),
    *(
        (f'<mj-text><img alt="Boat" width="9" src="{source}"></mj-text>', rules)
        for source, rules in SOURCES.items()
    ),
    *(
        (f'<mj-raw><base href="{base}"></mj-raw>{TO_TEXT.format("https://a.example")}', {})
        for base in ("https://northwind.example/", "{{ '{{' }} site }}", "")
    ),
    *(
        (TO_TEXT.format("https://a.example").replace("Help", text), VAGUE)
        for text in (
            "here",
            "Click here",
            "CLICK HERE!",
            "hier",
            "aquí",
            "こちら",
            "Read more…",
            "link",
        )
    ),
]


@pytest.mark.parametrize(("markup", "rules"), JUDGED)
def test_a_link_is_judged_where_it_is_written(
    tmp_path: Path, markup: str, rules: Mapping[str, str]
) -> None:
    found = found_in(tmp_path, {"a.mjml": MJML.format(markup)}, "links/")
    assert {one.rule: one.severity for one in found} == rules
    assert {one.place.line for one in found} <= {2}


def test_a_scheme_that_stands_twice_in_an_address_of_a_sample_is_the_template_s(
    tmp_path: Path,
) -> None:
    page = PAGE.format(
        '<a href="https://{{ link }}">Your link</a><a href="{{ base }}/help">Help</a>'
    )
    files = {
        "a.html": page,
        "a.toml": '[one]\nlink = "https://b.example/x"\nbase = "http://localhost:3000"',
    }
    assert [one.rule for one in found_in(tmp_path, files, "links/")] == [*DOUBLED]


@pytest.mark.parametrize(
    ("base", "rules", "named"),
    [
        ("javascript:go()", UNKNOWN, "javascript: <base>"),
        ("htps://northwind.example/", UNKNOWN, "htps: <base>"),
        ("//northwind.example/", RELATIVE, "This <base> is relative"),
        ("http://localhost:8000/", HERE, "localhost"),
        ("https://https://northwind.example/", DOUBLED, "a scheme twice"),
    ],
)
def test_a_wrong_base_is_found_where_it_is_written(
    tmp_path: Path, base: str, rules: Mapping[str, str], named: str
) -> None:
    page = f'<html>\n<head><base\n href="{base}"></head><body><a href="https://northwind.example/a">Help</a></body></html>'
    (wrong,) = found_in(tmp_path, {"a.html": page}, "links/")
    assert ({wrong.rule: wrong.severity}, str(wrong.place)) == (rules, "a.html:3:2")
    assert named in wrong.message


@pytest.mark.parametrize(
    ("markup", "rule", "severity"),
    [
        (
            '<a href="http://localhost:3000/a">A page</a>',
            "links/this-machine",
            "note",
        ),  # an app in development
        *(
            (f'<img src="{address}" width="9" alt="Boat">', "links/relative", "error")
            for address in ("boat.png", "/images/boat.png", "//cdn.northwind.example/boat.png")
        ),
    ],
)
def test_links_of_a_sent_mail_are_judged_by_what_it_is(
    tmp_path: Path, markup: str, rule: str, severity: str
) -> None:
    sent = check_sent_mail(None, PAGE.format(markup), "", "Hello")
    assert {one.severity for one in sent if one.rule == rule} == {severity}
    written = found_in(tmp_path, {"a.html": PAGE.format(markup)}, "links/")
    assert [one for one in written if one.severity == severity] == []


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (f"https://northwind.example/reset-password/{TOKEN}", True),
        ("https://northwind.example/reset?code=482915", True),
        (f"https://northwind.example/reset#token={TOKEN}", True),
        (f"https://click.example/?to=https%3A%2F%2Fnorthwind.example%2Freset%2F{TOKEN}", True),
        ("https://northwind.example/reset/0f3c9a7be1d24c55a0b1c2d3e4f50617", True),
        ("https://northwind.example/articles/how-to-choose-a-good-password-in-2026", False),
        (
            "https://northwind.example/login?next=%2Fviewer-settings%2Fsecurity&provider=campus",
            False,
        ),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_a_token_is_recognised_in_an_address(address: str, found: bool) -> None:
    assert bool(secret_in(address)) == found


@pytest.mark.parametrize(
    ("base", "address", "line"),
    [
        ("htps://northwind.example", "/news", 3),
        ("https://northwind.example", "htps://b.example", 4),
    ],
)
def test_a_fault_of_a_bar_s_link_is_where_the_wrong_address_begins(
    tmp_path: Path, base: str, address: str, line: int
) -> None:
    bar = (
        BAR.format(base, address)
        .replace(" base-url", "\nbase-url")
        .replace("<mj-navbar-link", "\n<mj-navbar-link")
    )
    (wrong,) = found_in(tmp_path, {"letter.mjml": MJML.format(bar)}, "links")
    assert wrong.place.line == line
