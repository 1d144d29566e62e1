"""A template whose typed props are of every sort that a form knows, and one that nothing
describes.
"""

import json
from datetime import date, datetime, time, timedelta
from enum import Enum
from html import unescape
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from tests.studio.web.fixtures import gallery_of

from keyturn.mail.languages.language import Languages
from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.web.app import Studio

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
<mjml lang="en"><mj-head><mj-title>Order for {{ name }}</mj-title></mj-head>
<mj-body><mj-section><mj-column>
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
{% for story in stories %}<h2>{{ story.headline }}</h2>{% endfor %}
<p>{{ at.year }} {{ count }}</p></body></html>
"""
DIGESTS = """\
# Every Monday.
[monday]
title = "What changed"
at = 2026-11-20T09:00:00+01:00
count = 4
stories = [{ headline = "The heating is back" }, { headline = "New doors", new = true }]
"""


def order_studio(folder: Path) -> Studio:
    for file, text in {
        "order/order.mjml": ORDER,
        "order/order.txt": "{{ name }} {{ link }}",
        "order/samples.toml": ORDERS,
        "digest.html": DIGEST,
        "digest.samples.toml": DIGESTS,
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return Studio(
        gallery=gallery_of(folder, Languages("UTC"), Order),
        sender="Northwind School <no-reply@northwind.example>",
        token="",
    )


def form_of(page: str) -> dict[str, Any]:
    """Return what a page makes its form of: `schema`, `values`, `start`, `faults` and `address`."""
    form: dict[str, Any] = json.loads(
        unescape(page.partition(' data-values="')[2].partition('"')[0])
    )
    return form
