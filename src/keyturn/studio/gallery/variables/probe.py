"""A value that stands for a variable while a template is rendered, and notes what the template does with it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from keyturn.studio.gallery.variables.variables import METHODS, Use, Variable

Shape = str | Sequence["Shape"]
"""The name that takes a value, or those of its parts: `for label, (amount, unit) in rows`."""

_OF_A_DIFFERENCE = frozenset({"days", "seconds", "total_seconds"})
_RETURN_THE_LIKE = frozenset({"items", "values", "astimezone", "date", "time"})
_NUMBER_FORMAT = re.compile(r"[\dfdgen,%]$")


class Probe:
    """Answers each operation, so that any template can be rendered, and notes it in the `variables` that it may be.

    The result of a calculation is a probe of no variable. `sides`: of a difference, whose days make them moments.
    `holder`: the value that has this one as the attribute `name`.
    """

    __slots__ = ("holder", "name", "sides", "variables")

    alters_data = unsafe_callable = False  # words of the sandbox

    def __init__(self, *variables: Variable, holder: "Probe | None" = None, name: str = "", sides: Any = ()) -> None:
        self.variables, self.holder, self.name, self.sides = variables, holder, name, sides

    def note(self, use: Use) -> "Probe":
        for one in self.variables:
            one.uses.add(use)
        return self

    def note_filter(self, name: str, default: Any = None) -> None:
        for one in self.variables:
            one.filters.add(name)
            one.default = default if isinstance(default, str | int | float) else one.default

    def note_constant(self, value: Any, *, is_option: bool = True) -> None:
        """Note that it is compared with a value. `is_option`: with one that it may have."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.note("number")
        elif is_option and value is not None and not isinstance(value, Probe):
            for one in self.variables:
                one.compared.append(value)

    def either(self, other: "Probe") -> "Probe":
        return Probe(*self.variables, *other.variables)

    def entry(self, shape: Shape = "") -> Any:
        """Return one of its entries, in the parts that a loop takes."""
        called = shape if isinstance(shape, str) else ""
        return Probe(*(one.item_variable(called) for one in self.variables)).parts(shape)

    def parts(self, shape: Shape) -> Any:
        if isinstance(shape, str):
            return self
        names = tuple(part if isinstance(part, str) else "value" for part in shape)
        unpacked = [one.unpack(names) for one in self.variables]
        return tuple(Probe(*(one[nth] for one in unpacked)).parts(part) for nth, part in enumerate(shape))

    def attribute(self, name: str) -> "Probe":
        if name in _OF_A_DIFFERENCE:
            for side in self.sides:
                if isinstance(side, Probe):
                    side.note("moment")
        return Probe(*(one.attribute(name) for one in self.variables), holder=self, name=name)

    def call(self, *arguments: Any) -> "Probe":
        """Return a result. The name of a method tells the type that has it."""
        use = next((use for use, names in METHODS.items() if self.name in names), None)
        if self.holder is None or use is None:
            self.note("called")
            return Probe()
        self.holder.note(use)
        for one in self.holder.variables:  # a method is no attribute
            if one.attributes.get(self.name) == Variable(self.name):
                del one.attributes[self.name]
        if self.name == "get" and arguments and isinstance(arguments[0], str):
            return self.holder.attribute(arguments[0])
        return self.holder if self.name in _RETURN_THE_LIKE else Probe()

    def __getattr__(self, name: str) -> "Probe":
        if name.startswith("__"):
            raise AttributeError(name)
        return self.attribute(name)

    def __getitem__(self, key: object) -> "Probe":
        if isinstance(key, str):
            return self.attribute(key)
        if isinstance(key, slice):
            return self.note("length")
        return self.note("indexed").entry() if isinstance(key, int) else Probe()

    def __iter__(self) -> "Iterator[Probe]":
        yield self.note("list").entry()

    __reversed__ = __iter__

    def __len__(self) -> int:
        self.note("length")
        return 1

    def __bool__(self) -> bool:
        self.note("asked")
        return True

    def __str__(self) -> str:
        self.note("printed")
        return ""

    __html__ = __str__

    def __format__(self, pattern: str) -> str:
        self.note("moment" if "%" in pattern[:-1] else "number" if _NUMBER_FORMAT.search(pattern) else "printed")
        return ""

    def __contains__(self, value: object) -> bool:
        if isinstance(value, str):
            self.note("text")
        return False

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        self.note_constant(other)
        return False

    def __ne__(self, other: object) -> bool:
        self.note_constant(other, is_option=False)
        return False

    def _is_beside(self, other: object) -> bool:
        if not isinstance(other, str):
            self._calculate(other)
        return True

    __lt__ = __le__ = __gt__ = __ge__ = _is_beside

    def _calculate(self, other: object = None) -> "Probe":
        for side in (self, other):
            if isinstance(side, Probe):
                side.note("text" if isinstance(other, str) else "number")
        return Probe()

    __add__ = __radd__ = __mul__ = __rmul__ = __neg__ = __pos__ = __abs__ = _calculate
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _calculate

    def __sub__(self, other: object) -> "Probe":
        self._calculate(other)
        return Probe(sides=(self, other))

    __rsub__ = __sub__

    def _count(self, *_: Any) -> int:
        self.note("number")
        return 1

    __int__ = __index__ = __round__ = _count

    def __float__(self) -> float:
        return float(self._count())
