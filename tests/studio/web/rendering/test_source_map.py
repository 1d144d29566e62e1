"""A pixel of the mail and the line of the templates that it comes from, as the frame and the page
have them.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.studio.web.fixtures import Client, save

GREETING, BASE, PARTS = "greeting/greeting.mjml", "_layout/base.mjml", "_layout/parts.mjml"
MACRO = '{% macro rule() %}\n<mj-divider border-color="#cccccc" />\n{% endmacro %}\n'


def marks(client: Client, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/studio/places/greeting?sample=ada{query}")
    assert answer.headers["content-type"].startswith("application/json")
    found: dict[str, Any] = answer.json()
    return found


def trails(client: Client) -> dict[str, list[str]]:
    """Return for each tag the lines that it comes from, the innermost first."""
    return {one["tag"]: lines(one) for one in marks(client)["all"].values()}


def lines(mark: dict[str, Any]) -> list[str]:
    return [f"{place['file']}:{place['line']}" for place in mark["trail"]]


def picked(client: Client, line: str) -> list[str]:
    found = marks(client, f"&line={line}")
    return [found["all"][key]["tag"] for key in found["picked"]]


def strip(client: Client, line: str, path: str = "greeting?sample=ada") -> str:
    page = client.get(f"/studio/templates/{path}&line={line}").text
    found = re.search(r'<section class="picked".*?</section>', page, re.DOTALL)
    return found[0] if found else ""


@pytest.fixture
def rule(folder: Path) -> None:
    (folder / PARTS).write_text(MACRO)
    save(folder, "<mj-spacer", f'{{% import "{PARTS}" as part %}}{{{{ part.rule() }}}}\n<mj-spacer')


def test_everything_in_the_frame_leads_to_its_line_through_inheritance(client: Client) -> None:
    frame = client.get("/studio/frames/greeting?sample=ada").text
    found = marks(client)["all"]
    for key, mark in found.items():
        assert re.search(rf'class="[^"]*\b{key}\b|data-keyturn="{key}"', frame), mark
    assert trails(client)["mj-button"] == [f"{GREETING}:6"]
    assert trails(client)["mj-section"] == [f"{BASE}:12"]


@pytest.mark.usefixtures("rule")
def test_a_macro_leads_to_its_own_line_and_then_to_its_call(client: Client) -> None:
    assert picked(client, f"{PARTS}:2") == picked(client, f"{GREETING}:7") == ["mj-divider"]
    assert trails(client)["mj-divider"] == [f"{PARTS}:2", f"{GREETING}:7"]


def test_a_file_whose_name_has_a_line_end_has_lines_too(client: Client, folder: Path) -> None:
    (folder / "a\nb.html").write_text("<p>Hello</p>")
    assert client.get("/studio/templates/a%0Ab?tab=checks").status_code == 200
    assert "&lt;p&gt;" in strip(client, "a%0Ab.html:1", "a%0Ab?sample=guessed")


def test_a_mail_in_plain_html_leads_to_its_lines(client: Client, folder: Path) -> None:
    (folder / "plain").mkdir()
    (folder / "plain" / "plain.html").write_text(
        "<html><head><title>Hi</title></head>\n<body>\n<p>Hello</p></body></html>"
    )
    (folder / "plain" / "samples.toml").write_text("[only]\n")
    found = client.get("/studio/places/plain?line=plain/plain.html:3").json()
    assert {mark["tag"] for mark in found["all"].values()} == {"html", "body", "p"}
    assert [lines(found["all"][key]) for key in found["picked"]] == [["plain/plain.html:3"]]


def test_a_line_leads_to_what_it_renders_and_not_to_what_lies_in_that(
    client: Client, folder: Path
) -> None:
    assert picked(client, f"{BASE}:12") == ["mj-section"]
    save(folder, "<mj-spacer", "{% for _ in range(3) %}\n<mj-divider />\n{% endfor %}\n<mj-spacer")
    assert picked(client, f"{GREETING}:6") == ["mj-button"]
    assert picked(client, f"{GREETING}:8") == ["mj-divider"] * 3, "all that it renders"
    save(folder, "Hello {{ name }}", "\nHello\n{{ name }}\n")
    for line in (5, 6, 7):
        assert picked(client, f"{GREETING}:{line}") == ["mj-text"], (
            "a line in the middle of an element"
        )


def test_a_line_that_renders_nothing_leads_nowhere_and_the_page_says_so(client: Client) -> None:
    assert picked(client, f"{BASE}:5") == []
    assert "Nothing in this preview comes from this line." in strip(client, f"{BASE}:5")


@pytest.mark.usefixtures("rule")
def test_the_page_shows_the_line_that_is_picked_and_the_ways_to_it(client: Client) -> None:
    called = strip(client, f"{GREETING}:7")
    assert (
        f'/greeting?sample=ada&amp;show=source&amp;line={GREETING.replace("/", "%2F")}%3A7#L7"'
        in called
    )
    assert "mj-divider" in called
    assert re.search(rf"written in.*/studio/files/{PARTS}.*#L2", called)
    assert re.search(r'value="7" class="wrong".*part\.rule', called)
    assert re.search(rf"called from.*{GREETING}:7", strip(client, f"{PARTS}:2"))


@pytest.mark.parametrize(
    "line", ["6", "greeting.mjml", "greeting.mjml:six", "greeting.mjml:0", ":6", "a:-1"]
)
@pytest.mark.long
def test_what_is_no_line_is_named(client: Client, line: str) -> None:
    for path in ("templates", "places"):
        answer = client.get(f"/studio/{path}/greeting?sample=ada&line={line}")
        assert answer.status_code == 400
        assert f"{line} is not a line" in answer.text


def test_while_a_template_is_broken_the_last_good_mail_is_shown_and_leads_nowhere(
    client: Client, folder: Path
) -> None:
    client.get("/studio/templates/greeting?sample=ada")
    save(folder, "{{ name }}", "{{ name")
    assert "Hello Ada" in client.get("/studio/frames/greeting?sample=ada").text
    assert marks(client) == {"all": {}, "picked": []}
    assert "Nothing in this preview" in strip(client, f"{GREETING}:6")


def test_every_line_of_a_shared_file_is_a_link_to_a_mail_that_uses_it(client: Client) -> None:
    page = client.get(f"/studio/files/{BASE}").text
    assert f'href="/studio/templates/greeting?line={BASE.replace("/", "%2F")}%3A12"' in page


def test_a_mail_of_text_alone_is_rendered_as_its_text_on_a_page_of_pictures(
    client: Client, folder: Path
) -> None:
    (folder / "note.txt").write_text("Hello {{ name }},\n\n1 < 2\n")
    assert 'src="/studio/frames/note?' in client.get("/studio").text
    frame = client.get("/studio/frames/note")
    assert frame.status_code == 200
    assert re.search(r"<pre [^>]*>Hello \w+,\n\n1 &lt; 2\s*</pre>", frame.text)


def test_save_behind_linked_folder(client: Client, folder: Path) -> None:
    """A file that is saved in a folder behind a link is shown as it is saved."""
    beside = folder.parent / "beside"
    beside.mkdir()
    for words in ("Hello", "Good evening"):
        (beside / "linked.html").write_text(f"<p>{words}</p>")
        if not (folder / "more").exists():
            (folder / "more").symlink_to(beside)
        assert f">{words}</p>" in client.get("/studio/frames/more/linked").text
