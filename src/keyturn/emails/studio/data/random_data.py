"""Data made up from a seed: the same seed makes the same data, on every machine and every day.

Typed props are made by polyfactory from their types; a sample that no types describe is varied by the looks of its own
values.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import cycle, islice
from random import Random
from string import digits
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect

from keyturn.emails.gallery import Sample
from keyturn.emails.gallery.placeholders import plausible_texts
from keyturn.emails.gallery.placeholders.plausible_texts import Named, text_for
from keyturn.emails.gallery.samples.kinds import kind_of
from keyturn.emails.gallery.samples.plain_data import plain_data, without_defaults
from keyturn.emails.gallery.samples.shapes import description_of, parts_of
from keyturn.emails.gallery.samples.writing import NATIVE, toml_lines
from keyturn.mail.rendering.render import EmailProps

_FIRST_SEED = 1
_IN_LINK = re.compile(r"(?<=[/=])(?:\d+|(?=[\w-]*\d)[\w-]{8,}|[A-Za-z0-9]{20,})(?=$|[/?&#])")
"""What stands for one order or one person in an address: a number, or a token."""


def random_sample(start: Sample, props: type[EmailProps] | None, seed: int) -> Sample:
    """Return the sample with other values, of the same kinds and within the same types."""
    if props is not None:
        from keyturn.emails.studio.data.factories import random_props

        made = msgspec.structs.asdict(random_props(props, seed))
        return replace(start, values={**made, **_links_of(start, made, Random(seed))})  # noqa: S311 - as below
    return replace(start, values=_vary_value("", start.values, Random(seed)))  # noqa: S311 - to be the same again


def first_sample(props: type[EmailProps]) -> str:
    """Return a first sample to start from, as the text of a samples.toml: data that the props accept."""
    fields = parts_of(inspect.type_info(props))
    made_up = random_sample(Sample("first", {}), props, _FIRST_SEED).values
    comments = {field.name: description_of(field.type) for field in fields}
    return toml_lines("first", without_defaults(plain_data(made_up, NATIVE[".toml"]), fields), comments)


def _links_of(start: Sample, made: Mapping[str, Any], random: Random) -> Mapping[str, str]:
    """Return the links of the sample with other tokens, for the links that were made up."""
    links = {name: text for name, text in start.values.items() if isinstance(text, str) and kind_of(text) == "link"}
    return {name: _vary_link(text, random) for name, text in links.items() if isinstance(made.get(name), str)}


def _vary_value(name: str, value: Any, random: Random) -> Any:
    match value:
        case str():
            return _vary_text(name, value, random)
        case bool():
            return random.choice((True, False))
        case int():
            return random.randint(0, max(9, 2 * abs(value)))
        case float():
            return round(random.uniform(0, max(10, 2 * abs(value))), 2)
        case Mapping():
            return {key: _vary_value(str(key), each, random) for key, each in value.items()}
        case list() | tuple() if value:
            return [_vary_value(name, each, random) for each in islice(cycle(value), random.randint(1, len(value) + 2))]
        case _:
            return _shift_time(value, random)


def _shift_time(value: Any, random: Random) -> Any:
    match value:
        case datetime():
            return value + timedelta(minutes=15 * random.randrange(-4_000, 4_000))
        case date():
            return value + timedelta(days=random.randrange(-45, 45))
        case time():
            return value.replace(hour=random.randrange(24), minute=random.choice((0, 15, 30, 45)))
        case timedelta():
            return plausible_texts.duration(random)
    return value


def _vary_text(name: str, text: str, random: Random) -> str:
    match kind_of(text):
        case "link":
            return _vary_link(text, random)
        case "address":
            return text_for(Named("email"), 0, random) or text
        case "code":
            return text
    told = text_for(Named(name), random.randrange(3), random)
    return told or _shuffle_words(text, random)


def _vary_link(text: str, random: Random) -> str:
    """Return a link to the same page, with another number or token of the same length where it has one."""
    where = urlsplit(text)
    if not where.netloc:
        return text
    site, path = f"{where.scheme}://{where.netloc}", text.partition(where.netloc)[2]
    return site + _IN_LINK.sub(lambda found: _vary_token(found[0], random), path)


def _vary_token(old: str, random: Random) -> str:
    if old.isdigit():
        return "".join(random.choices(digits, k=len(old)))
    return plausible_texts.token(random, len(old))


def _shuffle_words(text: str, random: Random) -> str:
    """Return some of the words, perhaps more than there were."""
    words = text.split()
    if not words:
        return text
    start = random.randrange(len(words))
    return " ".join(islice(cycle(words), start, start + random.randint(1, len(words) + 3))).capitalize()
