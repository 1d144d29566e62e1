"""Hostile samples: every string tried, in kind, and within what its type accepts."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
import pytest
from msgspec import Meta, Struct
from tests.studio.samples import read_samples

from keyturn.mail.rendering.render import EmailProps
from keyturn.packaging import folder
from keyturn.service.reset.mails.email_props import EMAILS
from keyturn.studio.gallery import Sample
from keyturn.studio.gallery.samples.hostile import hostile_samples

NAMES = ["hostile: very long", "hostile: right to left", "hostile: HTML"]


class Item(Struct, frozen=True):
    title: Annotated[str, Meta(max_length=30)]
    tags: tuple[str, ...] = ()


class Props(EmailProps, frozen=True, kw_only=True):
    template = "props"

    name: Annotated[str, Meta(min_length=1, max_length=20)]
    link: Annotated[str, Meta(pattern="^https://")]
    email: str
    items: list[Item]
    labels: dict[str, str]
    nick: str | None = None
    code: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    tone: Literal["warm", "cool"]
    one: Annotated[str, Meta(max_length=1)]
    at: datetime
    count: int


VALUES: dict[str, Any] = {
    "name": "Ada",
    "link": "https://www.northwind.example/a?b=1#c",
    "email": "ada@northwind.example",
    "items": [Item("Lamp", ("Light", "Warm"))],
    "labels": {"first": "One thing"},
    "nick": "Countess",
    "code": "ABC",
    "tone": "warm",
    "one": "A",
    "at": datetime(2026, 11, 20, tzinfo=UTC),
    "count": 3,
}


def hostile(values: dict[str, Any], props: type[EmailProps] | None = None) -> dict[str, dict[str, Any]]:
    made = hostile_samples(Sample("first", values, "typed" if props else "plain", "props/samples.toml:1"), props)
    return {sample.name: dict(sample.values) for sample in made}


def strings_of(value: Any) -> Iterator[str]:
    match msgspec.to_builtins(value, enc_hook=str):
        case str() as text:
            yield text
        case list() as items:
            yield from (text for item in items for text in strings_of(item))
        case dict() as mapping:
            yield from (text for item in mapping.values() for text in strings_of(item))


def test_right_to_left_is_written_from_the_right_and_html_is_what_an_unescaped_mail_would_run() -> None:
    made = hostile(VALUES, Props)
    assert re.match("[\u0600-\u06ff]", made["hostile: right to left"]["nick"])
    assert "<script>" in made["hostile: HTML"]["nick"]
    assert "{{ 7 * 7 }}" in made["hostile: HTML"]["nick"]


@pytest.mark.parametrize("name", NAMES)
def test_a_link_stays_a_link_to_its_host_and_an_address_an_address(name: str) -> None:
    values = hostile(VALUES, Props)[name]
    link = urlsplit(values["link"])
    assert (link.scheme, link.netloc, link.path, link.fragment) == ("https", "www.northwind.example", "/a", "c")
    assert link.query.startswith("b=1")
    assert values["link"].isascii()
    assert re.fullmatch(
        r"[^\s@<>\"]{1,64}@[\w.-]+\.northwind\.example|[^\s@<>\"]{1,64}@northwind\.example", values["email"]
    )


@pytest.mark.parametrize(
    "text", ["#14614b", "100%", "12:30", "2026-11-20", "PT30M", "ltr", "pt-BR", "/logo.png", "cid:logo", "12 px"]
)
def test_what_a_program_reads_stays(text: str) -> None:
    assert all(values["it"] == text for values in hostile({"it": text}).values())


def test_our_own_mails_accept_theirs() -> None:
    for props in EMAILS.values():
        first = next(iter(read_samples(folder("email_templates"), props).values()))
        for values in hostile(msgspec.structs.asdict(first), props).values():
            assert isinstance(msgspec.convert(msgspec.to_builtins(values), props), props)
