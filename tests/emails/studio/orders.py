"""A template whose typed props are of every sort that a form knows, and one that nothing describes."""

import re
from datetime import date, datetime, time, timedelta
from enum import Enum
from html import unescape
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
from httpx import Response
from msgspec import Meta, Struct

from keyturn.mail.languages import Languages
from keyturn.mail.rendering.render import EmailProps, Templates
from keyturn.service.reset.mails.palette import Palette, branding
from keyturn.studio.gallery import Gallery
from keyturn.studio.web import Studio

Link = Annotated[str, Meta(max_length=200, pattern="^https?://", description="an absolute address")]


class Colour(Enum):
    GREEN = "green"
    RED = "red"


class Item(Struct, frozen=True):
    title: Annotated[str, Meta(min_length=1, max_length=20)]
    price: Annotated[float, Meta(ge=0, le=100)]
    when: datetime | None = None


class Venue(Struct, frozen=True):
    street: str


class Order(EmailProps, frozen=True, kw_only=True):
    template = "order"

    name: Annotated[str, Meta(max_length=12, description="who ordered")]
    link: Link
    items: Annotated[tuple[Item, ...], Meta(min_length=1, max_length=3)]
    pairs: Annotated[int, Meta(ge=1, le=9, multiple_of=2)] = 2
    note: Annotated[str, Meta(max_length=500)] | None = None
    express: bool = False
    colour: Colour = Colour.GREEN
    tone: Literal["formal", "friendly"] | None = None
    sent_at: datetime
    arrives: date
    opens: time
    life: timedelta
    venue: Venue | None = None
    extra: dict[str, int] = msgspec.field(default_factory=dict)


ORDER = """\
<mjml lang="en"><mj-head><mj-title>Order for {{ name }}</mj-title></mj-head><mj-body><mj-section><mj-column>
<mj-text>{% for item in items %}{{ item.title }} {{ item.price }}; {% endfor %}</mj-text>
<mj-text>{{ note }} {{ pairs }} {{ express }} {{ colour.value }} {{ tone }} {{ extra }}</mj-text>
{% if venue %}<mj-text>{{ venue.street }}</mj-text>{% endif %}
<mj-text>{{ sent_at }} {{ arrives }} {{ opens }} {{ life }}</mj-text>
<mj-button href="{{ link }}">See it</mj-button>
</mj-column></mj-section></mj-body></mjml>
"""
ORDERS = """\
# Somebody who buys a lamp.
[lamp]
name = "Ada"  # short
link = "https://shop.example/orders/42"
sent_at = 2026-11-20T14:32:00+01:00
arrives = 2026-11-23
opens = 09:00:00
life = "PT30M"

[[lamp.items]]
title = "Lamp"
price = 42.5

# What comes after.
[biscuits]
name = "Grace"
link = "https://shop.example/orders/43"
sent_at = 2026-11-21T08:00:00Z
arrives = 2026-11-24
opens = 10:30:00
life = "P2D"
items = [{ title = "Oat biscuits", price = 3.2 }]
"""
DIGEST = """\
<html><head><title>{{ title }}</title></head><body><h1>{{ title }}</h1>
{% for story in stories %}<h2>{{ story.headline }}</h2>{% endfor %}<p>{{ at.year }} {{ count }}</p></body></html>
"""
DIGESTS = """\
# Every Monday.
monday:
  title: What changed
  at: 2026-11-20 09:00:00+01:00
  count: 4
  stories:
    - headline: The heating is back
    - headline: New doors
      new: true
"""


def order_studio(folder: Path) -> Studio:
    for file, text in {
        "order/order.mjml": ORDER,
        "order/order.txt": "{{ name }} {{ link }}",
        "order/samples.toml": ORDERS,
        "digest.html": DIGEST,
        "digest.samples.yaml": DIGESTS,
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    templates = Templates(folder, branding({"name": "Northwind School"}, Palette()), reload=True)
    gallery = Gallery(templates=templates, languages=Languages("UTC"), props={"order": Order})
    return Studio(gallery=gallery, sender="Northwind School <no-reply@northwind.example>", token="")


def fields_of(page: str) -> list[tuple[str, Any]]:
    """Return what a browser would send of the form, without a button."""
    form = page[page.index('<form id="data-form-fields"') :]
    form = form[: form.index("</form>")]
    sent = []
    for element in re.finditer(
        r"<input\b([^>]*)>|<textarea\b([^>]*)>\n(.*?)</textarea>|<select\b([^>]*)>(.*?)</select>", form, re.DOTALL
    ):
        attributes = element[1] or element[2] or element[4]
        name = unescape(re.search(r'name="([^"]*)"', attributes)[1])  # type: ignore[index]
        if 'type="checkbox"' in attributes:
            value = re.search(r'value="([^"]*)"', attributes)
            if " checked" in attributes:
                sent.append((name, unescape(value[1]) if value else "on"))
        elif element[2]:
            sent.append((name, unescape(element[3])))
        elif element[4]:
            chosen = re.search(r'value="([^"]*)" selected', element[5]) or re.search(r'value="([^"]*)"', element[5])
            sent.append((name, unescape(chosen[1])))  # type: ignore[index]
        else:
            sent.append((name, unescape(re.search(r'value="([^"]*)"', attributes)[1])))  # type: ignore[index]
    return sent


def changed(sent: list[tuple[str, Any]], **texts: str) -> list[tuple[str, Any]]:
    """Type into fields, by the last part of their names or with `__` between the parts."""
    places = {f"/{name.replace('__', '/')}": text for name, text in texts.items()}
    assert places.keys() <= {name for name, _ in sent}
    return [(name, places.get(name, text)) for name, text in sent]


def edit_in(answer: Response) -> str:
    """Return the edit in the address that an answer leads to."""
    return parse_qs(urlsplit(answer.headers["location"]).query).get("edit", [""])[0]
