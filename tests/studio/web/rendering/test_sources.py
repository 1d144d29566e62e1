"""The texts that a mail goes through, up to its HTML."""

import re
from pathlib import Path

from tests.studio.web.fixtures import Client


def test_the_stages_of_a_mail_are_short_and_tell_their_files_on_hover(client: Client) -> None:
    page = client.get("/studio/templates/greeting?show=source").text
    files = ["greeting.mjml", "greeting.txt", "samples.toml"]
    assert re.findall(r'<a id="source-\w+"[^>]* title="([^"]+)"', page) == files
    stages = ["Template", "Text part", "Samples", "MJML", "HTML"]
    assert re.findall(r'<a id="source-\w+".*?>([^<]+)</a>', page) == stages


def test_a_mail_of_text_alone_is_rendered_as_its_text_on_a_page_of_pictures(client: Client, folder: Path) -> None:
    (folder / "note.txt").write_text("Hello {{ name }},\n\n1 < 2\n")
    assert 'src="/studio/frames/note?' in client.get("/studio").text
    frame = client.get("/studio/frames/note")
    assert frame.status_code == 200
    assert re.search(r"<pre [^>]*>Hello \w+,\n\n1 &lt; 2\s*</pre>", frame.text)
