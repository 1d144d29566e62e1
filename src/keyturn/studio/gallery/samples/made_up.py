"""Values for typed templates without samples, which polyfactory makes from the types, the same on every machine."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from random import Random
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import inspect

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.samples.shapes import alternatives, description_of, first_that_fits
from keyturn.studio.gallery.variables.guessed_values import NOW
from keyturn.studio.gallery.variables.plausible_texts import Named, text_for

if TYPE_CHECKING:
    from polyfactory.factories.base import BuildContext
    from polyfactory.field_meta import FieldMeta

_SEED = 1


def made_up(props: type[EmailProps]) -> dict[str, Any]:
    """Return values that the types of the props accept. Loads polyfactory, with Faker. Raises what it does."""
    from polyfactory.factories.msgspec_factory import MsgspecFactory

    factory = MsgspecFactory.create_factory(props, bases=(_Plausible,))  # type: ignore[arg-type]
    factory.__base_factory_overrides__ = {msgspec.Struct: factory}  # nested structs are made in the same way
    factory.seed_random(_SEED)
    return msgspec.structs.asdict(factory.build())


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
        # Of these, polyfactory would look for others until there are enough, which never ends with a few texts.
        if not more and isinstance(one, inspect.SetType | inspect.FrozenSetType | inspect.DictType):
            members = [cls.get_field_value(child) for child in field_meta.children or ()]
            return {members[0]: members[1]} if isinstance(one, inspect.DictType) else frozenset(members)
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
            return first_that_fits(_texts(name, description, random.randrange(3)), shape)
        case inspect.DateTimeType(tz=zone):
            return NOW.replace(tzinfo=None if zone is False else UTC)
        case inspect.DateType():
            return NOW.date()
        case inspect.TimeType(tz=zone):
            return NOW.time().replace(tzinfo=UTC if zone else None)
        case inspect.TimeDeltaType():
            return timedelta(minutes=30)
        case inspect.IntType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return random.randint(0, 99)
        case inspect.FloatType(gt=None, ge=None, lt=None, le=None, multiple_of=None):
            return random.uniform(0, 500)
    return None


def _texts(name: str, description: str, nth: int) -> Iterator[str]:
    """Yield texts for a field, by its name or its description, then any.

    A description that repeats the name says more: "address" may be "the client's IP address".
    """
    described = [description, name] if name.replace("_", " ") in description else [name, description]
    yield from filter(None, (text_for(Named(said), nth) for said in (*described, "product", "link", "email", "token")))
