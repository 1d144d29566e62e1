"""Breaking a template, and what the overlay says of it."""

import re
from pathlib import Path

from tests.studio.web.fixtures import Client


def overlay(client: Client, template: str = "greeting", query: str = "") -> str:
    """Return the text of the overlay, its code frame with the wrong line marked by `>`."""
    answer = client.get(f"/studio/templates/{template}{query}")
    assert answer.status_code == 200
    section = answer.text[answer.text.index('<section class="fault"') :]
    section = section[: section.index("</section>")]
    marked = re.sub(r'<li value="(\d+)" class="wrong"', r">\1 <li", section)
    return " ".join(re.sub(r"<[^>]+>", "", marked).split())


def break_it(folder: Path, old: str, new: str, file: str = "greeting/greeting.mjml") -> None:
    source = (folder / file).read_text()
    assert old in source
    (folder / file).write_text(source.replace(old, new))
