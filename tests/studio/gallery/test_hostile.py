"""Hostile samples: every string tried, in kind, and within what its type accepts."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import pytest
from msgspec import Meta
from tests.studio.samples import read_samples, with_hostile

from keyturn.mail.rendering.render import EmailProps
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.studio.gallery import Sample
from keyturn.studio.gallery.samples.hostile import hostile_samples

NAMES = ["hostile: very long", "hostile: right to left", "hostile: HTML"]


class Props(EmailProps, frozen=True, kw_only=True):
    template = "props"

    link: Annotated[str, Meta(pattern="^https://")]
    email: str
    nick: str | None = None


VALUES = {
    "link": "https://www.northwind.example/a?b=1#c",
    "email": "ada@northwind.example",
    "nick": "Countess",
}


def hostile(
    values: dict[str, Any], props: type[EmailProps] | None = None
) -> dict[str, dict[str, Any]]:
    made = hostile_samples(Sample("first", values, "typed" if props else "plain"), props)
    return {sample.name: dict(sample.values) for sample in made}


def test_right_to_left_is_written_from_the_right_and_html_is_what_an_unescaped_mail_would_run() -> (
    None
):
    made = hostile(VALUES, Props)
    assert re.match("[\u0600-\u06ff]", made["hostile: right to left"]["nick"])
    assert "<script>" in made["hostile: HTML"]["nick"]
    assert "{{ 7 * 7 }}" in made["hostile: HTML"]["nick"]
    assert (
        "<script>"
        in hostile({"items": [{"title": "Desk lamp"}]})["hostile: HTML"]["items"][0]["title"]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_link_stays_a_link_to_its_host_and_an_address_an_address(name: str) -> None:
    values = hostile(VALUES, Props)[name]
    link = urlsplit(values["link"])
    assert (link.scheme, link.netloc, link.path, link.fragment) == (
        "https",
        "www.northwind.example",
        "/a",
        "c",
    )
    assert link.query.startswith("b=1")
    assert values["link"].isascii()
    assert re.fullmatch(r"[^\s@<>\"]{1,64}@([\w.-]+\.)?northwind\.example", values["email"])


@pytest.mark.parametrize(
    "text",
    [
        "#14614b",
        "100%",
        "12:30",
        "2026-11-20",
        "PT30M",
        "ltr",
        "pt-BR",
        "/logo.png",
        "cid:logo",
        "12 px",
    ],
)
def test_what_a_program_reads_stays(text: str) -> None:
    assert all(values["it"] == text for values in hostile({"it": text}).values())


def test_our_own_mails_accept_theirs() -> None:
    for props in EMAILS.values():
        for made in with_hostile(read_samples(props)).values():
            assert msgspec.convert(msgspec.to_builtins(made), props) == made
