"""Links are judged by their addresses and their texts alone."""

from pathlib import Path

import pytest
from tests.emails.lint.planting import Mails

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.check import check
from keyturn.studio.lint.checks.links import anchors, check_links, secret_in

TOKEN = "kT3vQ9mXh2Jr0pZsYc7LwA8eUfB1nDgOi4M6xRtKqEo"


def found(tmp_path: Path, html: str) -> dict[str, str]:
    mails = Mails(tmp_path)
    mails.write(
        "letter/letter.mjml",
        f"<mjml><mj-body><mj-section><mj-column>{html}</mj-column></mj-section></mj-body></mjml>",
    )
    return {finding.rule: finding.severity for finding in check_links(mails.read_values("letter", {"name": "Ada"}))}


@pytest.mark.parametrize(
    "html",
    [
        '<mj-button href="https://northwind.example/help">Help with passwords</mj-button>',
        '<mj-text><a href="mailto:help@northwind.example?subject=Help">Write to us</a></mj-text>',
        '<mj-text><a href="mailto:help@northwind.example,office@northwind.example">Write to us</a></mj-text>',
        '<mj-text><a href="tel:+4915100000">Call us</a></mj-text>',
        '<mj-text><a href="#more">More about passwords</a><a name="more"></a></mj-text>',
        '<mj-image src="https://northwind.example/a.png" alt="Northwind School" href="https://northwind.example" />',
        '<mj-text><a href="https://northwind.example/a">Help</a> <a href="https://northwind.example/a/">Help</a></mj-text>',
        '<mj-head><mj-attributes><mj-button background-color="#14614b" /></mj-attributes></mj-head>',
    ],
)
def test_a_good_link_is_left_alone(tmp_path: Path, html: str) -> None:
    assert found(tmp_path, html) == {}


def test_the_links_of_a_navbar_begin_with_its_base(tmp_path: Path) -> None:
    bar = "<mj-navbar base-url='{base}'><mj-navbar-link href='/news'>News</mj-navbar-link></mj-navbar>"
    assert found(tmp_path, bar.replace("{base}", "https://northwind.example")) == {}
    assert found(tmp_path, bar.replace("{base}", "")) == {"links/relative": "error"}


@pytest.mark.parametrize(
    ("base", "address", "rule"),
    [
        ("htps://northwind.example", "/news", "links/unknown-scheme"),
        ("https://northwind.example", "https://northwind.example/news", "links/doubled-scheme"),
        ("https://northwind.example", "mailto:help@northwind.example", "links/doubled-scheme"),
        ("https://northwind.example/", "mailto:help@northwind.example", "links/doubled-scheme"),
        ("https://northwind.example", "tel:+4915100000", "links/doubled-scheme"),
        ("https://northwind.example/", "tel:+4915100000", "links/doubled-scheme"),
    ],
)
def test_a_wrong_scheme_is_found_behind_a_base(tmp_path: Path, base: str, address: str, rule: str) -> None:
    bar = f"<mj-navbar base-url='{base}'><mj-navbar-link href='{address}'>News</mj-navbar-link></mj-navbar>"
    assert found(tmp_path, bar) == {rule: "error"}


def test_a_wrong_scheme_of_a_base_is_found_once_where_it_is_written(tmp_path: Path) -> None:
    links = "".join(f"<mj-navbar-link href='/{name}'>Our {name}</mj-navbar-link>\n" for name in ("boats", "oars"))
    bar = f"<mj-navbar\n  base-url='htps://northwind.example'>\n{links}</mj-navbar>"
    around = f"<mjml><mj-body><mj-section><mj-column>{bar}</mj-column></mj-section></mj-body></mjml>"
    (tmp_path / "a.mjml").write_text(around)
    (wrong,) = [one for one in check(open_gallery(tmp_path)).found if one.rule == "links/unknown-scheme"]

    line = around.splitlines()[wrong.place.line - 1]
    assert line[wrong.place.column - 1 :].startswith("base-url")
    assert [line[place.column - 1 :][:4] for place in wrong.corrects] == ["htps"]


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ("htps://northwind.example/a.png", {"links/unknown-scheme"}),
        ("https://https://northwind.example/a.png", {"links/doubled-scheme"}),
        ("file:///a.png", {"links/unknown-scheme"}),
        ("https://northwind.example/a.png", set()),
        ("cid:logo", set()),
        ("data:image/png;base64,AA==", set()),
        ("images/a.png", set()),
        ("", set()),
    ],
)
@pytest.mark.parametrize(
    "image", ['<mj-image alt="Boat" src="{}" />', '<mj-text><img alt="Boat" width="9" src="{}"></mj-text>']
)
def test_the_scheme_of_an_image_is_one_that_clients_load(
    tmp_path: Path, image: str, source: str, rules: set[str]
) -> None:
    assert found(tmp_path, image.format(source)).keys() == rules


@pytest.mark.parametrize(
    ("base", "rule", "named"),
    [
        ("javascript:go()", "links/unknown-scheme", "javascript: <base>"),
        ("htps://northwind.example/", "links/unknown-scheme", "htps: <base>"),
        ("file:///srv/mails/", "links/unknown-scheme", "file: <base>"),
        ("mailto:help@northwind.example", "links/unknown-scheme", "mailto: <base>"),
        ("/mails/", "links/relative", "This <base> is relative"),
        ("//northwind.example/", "links/relative", "This <base> is relative"),
        ("http://localhost:8000/", "links/this-machine", "localhost"),
        ("https://https://northwind.example/", "links/doubled-scheme", "a scheme twice"),
    ],
)
def test_a_base_with_a_wrong_scheme_is_found_once_where_it_is_written(
    tmp_path: Path, base: str, rule: str, named: str
) -> None:
    (tmp_path / "a.html").write_text(
        f'<html>\n<head><base\n href="{base}"></head><body><a href="https://northwind.example/help">Help</a></body></html>'
    )
    (wrong,) = [one for one in check(open_gallery(tmp_path)).found if one.group == "links"]
    assert (wrong.rule, wrong.severity, str(wrong.place)) == (rule, "error", "a.html:3:2")
    assert named in wrong.message


@pytest.mark.parametrize("base", ["https://northwind.example/", "{{ '{{' }} site }}", ""])
def test_a_base_of_the_web_is_left_alone(tmp_path: Path, base: str) -> None:
    html = f"<mj-raw><base href=\"{base}\"></mj-raw><mj-text><a href='https://a.example'>Help</a></mj-text>"
    assert found(tmp_path, html) == {}


@pytest.mark.parametrize("text", ["here", "Click here", "CLICK HERE!", "hier", "aquí", "こちら", "Read more…", "link"])
def test_a_text_that_says_nothing_is_found_in_the_languages_of_the_mails(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, f'<mj-text><a href="https://a.example">{text}</a></mj-text>') == {
        "links/vague-text": "warning"
    }


def test_a_place_holder_of_the_sending_service_is_no_relative_address(tmp_path: Path) -> None:
    html = "<mj-text><a href=\"{{ '{{' }} unsubscribe }}\">Leave this list</a></mj-text>"
    assert found(tmp_path, html) == {}


@pytest.mark.parametrize(
    "address",
    [
        f"https://northwind.example/reset-password/{TOKEN}",
        f"https://northwind.example/reset?token={TOKEN}",
        "https://northwind.example/reset?code=482915",
        f"https://northwind.example/reset#token={TOKEN}",
        f"https://click.example/?to=https%3A%2F%2Fnorthwind.example%2Freset%2F{TOKEN}",
        "https://northwind.example/reset/0f3c9a7be1d24c55a0b1c2d3e4f50617",
    ],
)
def test_a_token_is_recognised_in_an_address(address: str) -> None:
    assert secret_in(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://northwind.example/forgot-password",
        "https://northwind.example/articles/how-to-choose-a-good-password-in-2026",
        "https://northwind.example/login?next=%2Fviewer-settings%2Fsecurity&provider=campus",
        "mailto:help@northwind.example",
        "http://[broken",
        "",
    ],
)
def test_an_ordinary_address_holds_no_token(address: str) -> None:
    assert secret_in(address) == ""


def test_links_come_in_the_order_of_the_source_with_what_is_read_of_them(tmp_path: Path) -> None:
    mails = Mails.copied_to(tmp_path)
    labels = [anchor.label for anchor in anchors(mails.read())]
    link = "https://account.northwind.example/reset-password/" + TOKEN
    assert labels == ["Choose a new password", link, "help@northwind.example"]


def test_links_of_a_page_without_mjml_are_read_too(tmp_path: Path) -> None:
    mails = Mails(tmp_path)
    mails.write(
        "letter/letter.mjml",
        "<html><p>Ada &amp; Tom <a href='https://a.example'><b>See</b> the <i>school</i></a>, <a>not</a></p></html>",
    )
    assert [anchor.label for anchor in anchors(mails.read_values("letter", {}))] == ["See the school", "not"]
