"""Values for typed templates without samples: plausible ones where they fit the types, and polyfactory's elsewhere."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from datetime import date, datetime, time, timedelta
from functools import partial
from inspect import isclass
from typing import Any, get_args

import msgspec

from keyturn.mail.rendering.render import EmailProps
from keyturn.studio.gallery.variables.guessed_values import NOW
from keyturn.studio.gallery.variables.plausible_texts import Named, text_for

_SEED = 1
_NOW: Mapping[type, Any] = {datetime: NOW, date: NOW.date(), time: NOW.timetz(), timedelta: timedelta(minutes=30)}


def made_up(props: type[EmailProps], plausible: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that the types of the props accept. Loads polyfactory, with Faker. Raises what it does."""
    return msgspec.structs.asdict(_made(props, plausible))


def _made(struct: Any, plausible: Mapping[str, Any]) -> Any:
    from polyfactory.factories.msgspec_factory import MsgspecFactory

    factory: Any = MsgspecFactory.create_factory(struct, bases=(_Steady,))  # type: ignore[arg-type]
    factory.seed_random(_SEED)
    fields = {one.name: one.type for one in msgspec.structs.fields(struct)}
    fitting = {name: _fitting(kind, name, plausible.get(name)) for name, kind in fields.items()}
    return factory.build(**{name: values[0] for name, values in fitting.items() if values})


class _Steady:
    """Lets a factory, and those of nested structs, make the same times every day. Others stay as they are."""

    @classmethod
    def get_provider_map(cls) -> dict[Any, Any]:
        others: dict[Any, Any] = super().get_provider_map()  # type: ignore[misc]
        return others | {kind: partial(deepcopy, moment) for kind, moment in _NOW.items()}


def _fitting(kind: Any, name: str, value: Any) -> list[Any]:
    """Return the values for a field that its type accepts: the plausible one first, then a text for its name."""
    struct = next(_structs_in(kind), None)
    if struct and isinstance(value, list):
        value = [_made(struct, each) if isinstance(each, Mapping) else each for each in value]
    elif struct and isinstance(value, Mapping):
        value = _made(struct, value)
    fitting = []
    for candidate in (value, value and str(value), text_for(Named(name))):
        with suppress(msgspec.ValidationError):
            fitting += [msgspec.convert(candidate, kind, strict=False)] if candidate is not None else []
    return fitting


def _structs_in(kind: Any) -> Iterator[Any]:
    if isclass(kind) and issubclass(kind, msgspec.Struct):
        yield kind
    for part in get_args(kind):
        yield from _structs_in(part)
