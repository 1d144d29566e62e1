"""Data made up from a seed: the same seed makes the same data, on every machine and every day.

Polyfactory makes typed props from their types. A sample without types is varied by the looks of its own values.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle, islice
from random import Random
from string import digits
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect
from msgspec.structs import replace

from keyturn.emails.gallery import Sample
from keyturn.emails.gallery.samples.hostile import kind_of
from keyturn.emails.gallery.samples.saving import NATIVE, toml_lines
from keyturn.emails.gallery.samples.shapes import (
    alternatives,
    description_of,
    first_that_fits,
    parts_of,
    plain_data,
    without_defaults,
)
from keyturn.emails.gallery.variables import plausible_texts
from keyturn.emails.gallery.variables.plausible_texts import Named, text_for
from keyturn.mail.rendering.render import EmailProps

if TYPE_CHECKING:
    from polyfactory.factories.base import BuildContext
    from polyfactory.field_meta import FieldMeta

_FIRST_SEED = 1
_IN_LINK = re.compile(r"(?<=[/=])(?:\d+|(?=[\w-]*\d)[\w-]{8,}|[A-Za-z0-9]{20,})(?=$|[/?&#])")
"""The part of an address that stands for one order or one person: a number, or a token."""


def random_sample(start: Sample, props: type[EmailProps] | None, seed: int) -> Sample:
    if props is not None:
        made = msgspec.structs.asdict(random_props(props, seed))
        return replace(start, values={**made, **_links_of(start, made, Random(seed))})  # noqa: S311 - as below
    return replace(start, values=_vary_value("", start.values, Random(seed)))  # noqa: S311 - to be the same again


def first_sample(props: type[EmailProps]) -> str:
    """Return a first sample as the text of a samples.toml: data that the props accept."""
    fields = parts_of(inspect.type_info(props))
    made_up = random_sample(Sample("first", {}), props, _FIRST_SEED).values
    comments = {field.name: description_of(field.type) for field in fields}
    return toml_lines("first", without_defaults(plain_data(made_up, NATIVE[".toml"]), fields), comments)


def _links_of(start: Sample, made: Mapping[str, Any], random: Random) -> Mapping[str, str]:
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
    return text_for(Named(name), random.randrange(3), random) or _shuffle_words(text, random)


def _vary_link(text: str, random: Random) -> str:
    """Return a link to the same page, with another number or token of the same length if it has one."""
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
    words = text.split()
    if not words:
        return text
    start = random.randrange(len(words))
    return " ".join(islice(cycle(words), start, start + random.randint(1, len(words) + 3))).capitalize()


def random_props(props: type[EmailProps], seed: int) -> EmailProps:
    """Return props that their types accept. Polyfactory is loaded here, with Faker."""
    from polyfactory.factories.msgspec_factory import MsgspecFactory

    factory = MsgspecFactory.create_factory(props, bases=(_Plausible,))  # type: ignore[arg-type]
    factory.__base_factory_overrides__ = {msgspec.Struct: factory}  # nested structs are made in the same way
    factory.seed_random(seed)
    return factory.build()


class _Plausible:
    """Makes plausible values before polyfactory's own choices, some of which depend on the day."""

    __random__: Random
    __randomize_collection_length__ = True
    __min_collection_length__ = 1
    __max_collection_length__ = 4

    @classmethod
    def get_field_value(
        cls, field_meta: "FieldMeta", field_build_parameters: Any = None, build_context: "BuildContext | None" = None
    ) -> Any:
        for child in field_meta.children or ():
            child.name = child.name or field_meta.name
        if cls.should_set_none_value(field_meta):  # type: ignore[attr-defined]
            return None
        described = inspect.type_info(_without_none(field_meta.annotation))
        one, *more = alternatives(described)
        made = None if more else _plausible_value(one, field_meta.name, description_of(described), cls.__random__)
        if made is None:
            made = super().get_field_value(field_meta, field_build_parameters, build_context)  # type: ignore[misc]
        return _round_to_cents(made, field_meta.annotation) if isinstance(made, float) else made


def _round_to_cents(number: float, annotation: Any) -> float:
    try:
        return float(msgspec.convert(round(number, 2), annotation))
    except msgspec.ValidationError:
        return number


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        kind, *metadata = get_args(annotation)
        return Annotated[_without_none(kind), *metadata]
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(one for one in get_args(annotation) if one is not NoneType)]  # noqa: UP007 - of any number
    return annotation


def _plausible_value(shape: inspect.Type, name: str, description: str, random: Random) -> Any:
    match shape:
        case inspect.StrType():
            return first_that_fits(plausible_texts.texts_for(name, description, random), shape)
        case inspect.DateTimeType(tz=zone):
            return plausible_texts.moment(random).replace(tzinfo=None if zone is False else UTC)
        case inspect.DateType():
            return plausible_texts.moment(random).date()
        case inspect.TimeType(tz=zone):
            return plausible_texts.moment(random).time().replace(tzinfo=UTC if zone else None)
        case inspect.TimeDeltaType():
            return plausible_texts.duration(random)
        case inspect.IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return random.randint(0, 99)
        case inspect.FloatType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return random.uniform(0, 500)
    return None
