"""The texts that a mail goes through, up to the whole message."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from litestar.testing import TestClient
from tests.emails.studio.fixtures import Client

from keyturn.studio.web import Studio, create_studio_app


def message(client: Client, address: str = "greeting?sample=ada") -> EmailMessage:
    found: EmailMessage = message_from_bytes(client.get(f"/studio/eml/{address}").content, policy=policy.default)
    return found


def stages(client: Client, address: str) -> dict[str, str]:
    page = client.get(f"/studio/templates/{address}").text
    return dict(re.findall(r'<a id="source-(\w+)".*?>([^<]+)</a>', page))


def test_the_stages_of_a_mail_are_short_and_tell_their_files_on_hover(client: Client) -> None:
    page = client.get("/studio/templates/greeting?show=source").text
    assert re.findall(r'<a id="source-\w+"[^>]* title="([^"]+)"', page) == [
        "greeting.mjml",
        "greeting.txt",
        "samples.toml",
    ]
    assert stages(client, "greeting?show=source") == {
        "template": "Template",
        "text": "Text part",
        "samples": "Samples",
        "mjml": "MJML",
        "html": "HTML",
        "eml": "EML",
    }


def test_a_mail_of_text_alone_is_drawn_as_its_text_on_a_page_of_pictures(client: Client, folder: Path) -> None:
    (folder / "note.txt").write_text("Hello {{ name }},\n\n1 < 2\n")
    assert 'src="/studio/frames/note?' in client.get("/studio").text
    frame = client.get("/studio/frames/note")
    assert frame.status_code == 200
    assert re.search(r"<pre [^>]*>Hello \w+,\n\n1 &lt; 2\s*</pre>", frame.text)


def test_a_stage_that_a_mail_does_not_have_is_not_offered(client: Client, folder: Path) -> None:
    (folder / "plain").mkdir()
    (folder / "plain" / "plain.html").write_text("<p>Hello</p>")
    (folder / "plain" / "samples.toml").write_text("[only]\n")
    assert list(stages(client, "plain?show=source")) == ["template", "samples", "html", "eml"]
    for missing in ("text", "mjml"):
        assert "nothing to show" in client.get(f"/studio/templates/plain?show=source&file={missing}").text


def test_the_whole_message_holds_both_parts_as_they_would_be_sent(client: Client) -> None:
    mail = message(client)
    assert mail["From"] == "Northwind School <no-reply@northwind.example>"
    assert mail["Subject"] == "Welcome, Ada"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    html = mail.get_body(("html",))
    assert html
    assert "Hello Ada" in html.get_content()
    assert "kt-" not in html.get_content()


def test_the_message_goes_to_an_address_that_nobody_has(client: Client) -> None:
    assert message(client)["To"] == "someone@example.test"


def test_the_same_mail_is_the_same_message_to_the_byte(client: Client) -> None:
    first, second, other = (
        client.get(f"/studio/eml/greeting?sample={sample}").content for sample in ("ada", "ada", "grace")
    )
    assert first == second
    assert message_from_bytes(first)["Message-ID"] != message_from_bytes(other)["Message-ID"]


def test_the_message_is_a_file_for_a_mail_program(client: Client) -> None:
    answer = client.get("/studio/eml/greeting?sample=ada")
    assert answer.headers["content-type"].startswith("message/rfc822")
    assert answer.headers["content-disposition"] == 'attachment; filename="greeting-ada.eml"'
    page = client.get("/studio/templates/greeting?sample=ada&show=source&file=eml").text
    assert '<a id="download" class="button" href="/studio/eml/greeting?sample=ada" download>' in page
    assert "Message-ID" in page


def test_a_sender_without_an_address_is_given_one_that_leads_nowhere(studio: Studio) -> None:
    with TestClient(
        create_studio_app(replace(studio, sender="Northwind School")), base_url="http://127.0.0.1"
    ) as client:
        assert message(client)["From"] == "Northwind School <no-reply@example.test>"


def test_a_mail_that_cannot_be_drawn_is_no_message(client: Client, folder: Path) -> None:
    (folder / "notice" / "notice.mjml").write_text("{{ what")
    answer = client.get("/studio/eml/notice?sample=only")
    assert answer.status_code == 404
    assert "notice cannot be rendered" in answer.text
    assert "There is nothing to show here yet." in client.get("/studio/templates/notice?show=source&file=eml").text


def test_a_mail_without_a_text_part_says_so(client: Client, folder: Path) -> None:
    (folder / "greeting" / "greeting.txt").unlink()
    assert "This mail has no text part." in client.get("/studio/templates/greeting?sample=ada&show=text").text
