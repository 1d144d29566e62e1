"""A small folder of templates, "greeting" with nothing to fix: what is saved in it, said of it and
captured of it.
"""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from litestar import Litestar
from litestar.testing import TestClient
from msgspec import Meta

from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.service.reset.mails.palette import Palette, branding
from keyturn.studio.gallery import Gallery
from keyturn.studio.web.app import Studio, create_studio_app

Client = TestClient[Litestar]
AT_ONCE = {"prefer": "respond-async"}
OURS = {"sec-fetch-site": "same-origin"}
"""What a browser sends with a form of the studio's own pages."""


def opened(studio: Studio, at: str = "http://127.0.0.1:8001", **changes: Any) -> Client:
    """Return a client of the studio with these fields changed, which asks under that address."""
    return TestClient(create_studio_app(replace(studio, **changes)), base_url=at)


def checked_page(client: Client, address: str) -> str:
    """Ask for a page below /studio as its script does, until nothing is left to check."""
    while 'data-checks="/' in (
        page := client.get(f"/studio/{address}", headers={"prefer": "wait"}).text
    ):
        pass
    return page


BASE = """\
<mjml lang="{{ lang }}">
  <mj-head>
    <mj-title>{% block subject %}{% endblock %}</mj-title>
    <mj-preview>{% block preheader %}{% endblock %}</mj-preview>
    <mj-attributes><mj-all font-family="sans-serif" /></mj-attributes>
    <mj-style>.ground { background: #fefefe }
      @media (prefers-color-scheme: dark) {
        .ground { background: #101010 } .ground div { color: #fefefe !important } }
    </mj-style>
  </mj-head>
  <mj-body css-class="ground">
    <mj-section>
      <mj-column>
        {% block content %}{% endblock %}
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""
GREETING = """\
{% extends "_layout/base.mjml" %}
{% block subject %}Welcome, {{ name }}{% endblock %}
{% block preheader %}Your account is ready.{% endblock %}
{% block content %}
<mj-text>Hello {{ name }}</mj-text>
<mj-button href="{{ link }}">Open it</mj-button>
<mj-spacer height="1500px" />
<mj-text>The end</mj-text>
{% endblock %}
"""
GREETING_SAMPLES = """\
[ada]
name = "Ada"
link = "https://account.northwind.example/open/one"

[grace]
name = "Grace <b>Hopper</b>"
link = "https://account.northwind.example/open/two"
"""
RIGHT, WRONG = "<mj-text>The end", '<mj-text colour="red">The end'
NOTICE = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>{{ what "
    "}}</mj-text></mj-column></mj-section></mj-body></mjml>"
)


class Greeting(EmailProps, frozen=True):
    template = "greeting"

    name: str
    link: Annotated[str, Meta(description="where the button leads")]


def write_templates(folder: Path) -> None:
    for file, text in {
        "_layout/base.mjml": BASE,
        "greeting/greeting.mjml": GREETING,
        "greeting/greeting.txt": "Hello {{ name }}\n\n{{ link }}\n",
        "greeting/samples.toml": GREETING_SAMPLES,
        "notice/notice.mjml": NOTICE,
        "notice/notice.txt": "{{ what }}",
        "notice/samples.toml": '[only]\nwhat = "The heating is back"\n',
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)


def gallery_of(folder: Path, languages: Languages, props: type[EmailProps]) -> Gallery:
    """Return the gallery of a folder in which one template has typed props."""
    templates = Templates(folder, branding({"name": "Northwind School"}, Palette()), reload=True)
    return Gallery(templates=templates, languages=languages, props={props.template: props})


def save(folder: Path, old: str, new: str, file: str = "greeting/greeting.mjml") -> None:
    """Save a file with an old text replaced by a new one."""
    source = (folder / file).read_text()
    assert old in source
    (folder / file).write_text(source.replace(old, new))


def overlay(client: Client, template: str = "greeting", query: str = "") -> str:
    """Return the text of the overlay, its code frame with the wrong line marked by `>`."""
    answer = client.get(f"/studio/templates/{template}{query}")
    assert answer.status_code == 200
    section = answer.text[answer.text.index('<section class="fault"') :]
    section = section[: section.index("</section>")]
    marked = re.sub(r'<li value="(\d+)" class="wrong"', r">\1 <li", section)
    return " ".join(re.sub(r"<[^>]+>", "", marked).split())


def capture(
    inbox: Path,
    subject: str,
    at: datetime = datetime(2026, 11, 20, 14, 2, 11, tzinfo=UTC),
    link: str = "https://account.northwind.example/open/one",
) -> str:
    """Write a mail as the capture transport does; return the name of its file."""
    mail = EmailMessage()
    mail["From"] = "Northwind School <no-reply@northwind.example>"
    mail["To"] = "ada@northwind.example"
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail.set_content(f"Hello Ada\n\n{link}\n")
    page = (
        f"<html><head><title>x</title></head><body><p>Hello Ada</p><a href='{link}'>Open "
        "it</a></body></html>"
    )
    mail.add_alternative(page, subtype="html")
    name = f"{sha256(f'{subject} {at}'.encode()).hexdigest()[:32]}.eml"
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / f".{name}.half").write_bytes(bytes(mail))
    os.utime(inbox / f".{name}.half", (at.timestamp(), at.timestamp()))
    (inbox / f".{name}.half").rename(inbox / name)
    return name
