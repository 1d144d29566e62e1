"""Variables of templates, and a value that stands for them while a template is rendered. It records
how the template uses it.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

from keyturn.studio.gallery.variables.slots import Slot, mark_for

Use = Literal[
    "printed",
    "asked",
    "called",
    "number",
    "moment",
    "text",
    "joined",
    "length",
    "indexed",
    "list",
    "mapping",
]

_IRREGULAR: Mapping[str, str] = {
    "people": "person",
    "children": "child",
    "news": "story",
    "data": "row",
}

_SAYS_NOTHING = frozenset(
    {"each", "element", "entry", "item", "line", "obj", "object", "one", "row", "thing", "val"}
)


class Variable(Struct):
    """A variable of templates.

    `attributes`: by name. `item`: one entry of a list, or one value of a mapping. `parts`: of an
    unpacked item, as in `for label, amount in rows`. `compared`: the constants that it is compared
    with. `default`: the template's fallback if that is a constant. `filters`: names of the filters
    on it. `slots`: the known places where it is printed.
    """

    name: str
    uses: set[Use] = field(default_factory=set)
    attributes: dict[str, "Variable"] = field(default_factory=dict)
    item: "Variable | None" = None
    parts: "tuple[Variable, ...]" = ()
    compared: list[Any] = field(default_factory=list)
    default: Any = None
    filters: set[str] = field(default_factory=set)
    slots: list[Slot] = field(default_factory=list)

    def attribute(self, name: str) -> "Variable":
        return self.attributes.setdefault(name, Variable(name))

    def item_variable(self, called: str = "") -> "Variable":
        """Return its item. The loop's name for it counts unless it is generic, such as "item"."""
        if self.item is None:
            says_more = len(called) > len("of") and called not in _SAYS_NOTHING
            self.item = Variable(called if says_more else singular(self.name))
        return self.item

    def unpack(self, names: tuple[str, ...]) -> "tuple[Variable, ...]":
        if len(self.parts) < len(names):
            self.parts += tuple(Variable(name) for name in names[len(self.parts) :])
        return self.parts


Variables = Mapping[str, Variable]


def singular(name: str) -> str:
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    if name.endswith("ies"):
        return name[:-3] + "y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    if name.endswith(("ss", "us")):
        return name
    return name.removesuffix("s")


def _uses_by_name(section: Mapping[Use, Sequence[str]]) -> Mapping[str, Use]:
    by_name: dict[str, Use] = {}
    for use, names in section.items():
        by_name.update(dict.fromkeys(names, use))
    return by_name


_USES = tomllib.loads(Path(__file__).with_name("uses.toml").read_text("utf-8"))
FILTERS = _uses_by_name(_USES["filters"])
METHODS = _uses_by_name(_USES["methods"])
TESTS = _uses_by_name(_USES["tests"])
OF_MONEY = frozenset(_USES["of_money"])

# The names that take a value: `for label, (amount, unit) in rows`.
TargetShape = str | Sequence["TargetShape"]
_OF_A_DIFFERENCE = frozenset({"days", "seconds", "total_seconds"})
_RETURN_THE_LIKE = frozenset({"items", "values", "astimezone", "date", "time"})
_NUMBER_FORMAT = re.compile(r"[\dfdgen,%]$")


printed: ContextVar[list["RecordingValue"] | None] = ContextVar("printed", default=None)
"""The printed values. The number of each is in the mark that stands for it in the text."""


class RecordingValue:
    """Answers each operation, so that any template can be rendered, and notes it in the `variables`
    that it may be.

    The result of a calculation is a value of no variable. `sides`: of a difference, whose days make
    them moments, or of a sum, which are all texts if one of them is (`is_text`). `holder`: the
    value that has this one as the attribute `name`.
    """

    __slots__ = ("holder", "is_text", "name", "sides", "variables")

    alters_data = unsafe_callable = False  # words of the sandbox

    def __init__(
        self,
        *variables: Variable,
        holder: "RecordingValue | None" = None,
        name: str = "",
        sides: tuple[Any, ...] = (),
        is_text: bool = False,
    ) -> None:
        self.variables = variables
        self.holder = holder
        self.name = name
        self.sides = sides
        self.is_text = is_text

    def note(self, use: Use) -> "RecordingValue":
        for variable in self.variables:
            variable.uses.add(use)
        return self

    def note_filter(self, name: str, default: Any = None) -> None:
        for variable in self.variables:
            variable.filters.add(name)
            if isinstance(default, str | int | float):
                variable.default = default

    def note_constant(self, value: Any, *, is_option: bool = True) -> None:
        """Note that it is compared with a value. `is_option`: with one that it may have."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.note("number")
        elif is_option and value is not None and not isinstance(value, RecordingValue):
            for variable in self.variables:
                variable.compared.append(value)

    def either(self, other: "RecordingValue") -> "RecordingValue":
        return RecordingValue(*self.variables, *other.variables)

    def entry(self, shape: TargetShape = "") -> Any:
        """Return an entry of a list, in the shape that a loop unpacks."""
        called = shape if isinstance(shape, str) else ""
        items = [variable.item_variable(called) for variable in self.variables]
        return RecordingValue(*items).parts(shape)

    def parts(self, shape: TargetShape) -> Any:
        """Return the value in the shape that a template unpacks."""
        if isinstance(shape, str):
            return self
        names = tuple(part if isinstance(part, str) else "value" for part in shape)
        unpacked = [variable.unpack(names) for variable in self.variables]
        values = []
        for nth, part in enumerate(shape):
            value = RecordingValue(*(parts[nth] for parts in unpacked))
            values.append(value.parts(part))
        return tuple(values)

    @property
    def root_name(self) -> str:
        """The name of the one variable that it is, unless that is a part of another."""
        if len(self.variables) == 1 and self.holder is None:
            return self.variables[0].name
        return ""

    def attribute(self, name: str) -> "RecordingValue":
        if name in _OF_A_DIFFERENCE:
            for side in self.sides:
                if isinstance(side, RecordingValue):
                    side.note("moment")
        attributes = [variable.attribute(name) for variable in self.variables]
        return RecordingValue(*attributes, holder=self, name=name)

    def call(self, *arguments: Any) -> "RecordingValue":
        """Return a result. The name of a method tells the type that has it."""
        use = METHODS.get(self.name)
        if self.holder is None or use is None:
            self.note("called")
            return RecordingValue()
        self.holder.note(use)
        self.holder.forget_attribute(self.name)  # a method is no attribute
        if self.name == "get" and arguments and isinstance(arguments[0], str):
            return self.holder.attribute(arguments[0])
        if self.name in _RETURN_THE_LIKE:
            return self.holder
        return RecordingValue()

    def forget_attribute(self, name: str) -> None:
        """Take back that there is an attribute, unless it was used."""
        for variable in self.variables:
            if variable.attributes.get(name) == Variable(name):
                del variable.attributes[name]

    def __getattr__(self, name: str) -> "RecordingValue":
        if name.startswith("__"):
            raise AttributeError(name)
        return self.attribute(name)

    def __getitem__(self, key: object) -> "RecordingValue":
        if isinstance(key, str):
            return self.attribute(key)
        if isinstance(key, slice):
            return self.note("length")
        return self.note("indexed").entry() if isinstance(key, int) else RecordingValue()

    def __iter__(self) -> "Iterator[RecordingValue]":
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
        if self.is_text:
            return "".join(map(str, self.sides))
        values = printed.get()
        if values is None:
            return ""
        values.append(self)
        return mark_for(len(values) - 1)

    __html__ = __str__

    def __format__(self, pattern: str) -> str:
        if "%" in pattern[:-1]:
            self.note("moment")
        elif _NUMBER_FORMAT.search(pattern):
            self.note("number")
        else:
            self.note("printed")
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

    def _calculate(self, other: object = None) -> "RecordingValue":
        for side in (self, other):
            if isinstance(side, RecordingValue):
                side.note("text" if isinstance(other, str) else "number")
        return RecordingValue()

    def _sum(self, left: object, right: object) -> "RecordingValue":
        """Note that both sides are texts if one of them is; else they are numbers, until a text is
        added to them.
        """
        is_text = _is_text(left) or _is_text(right)
        for side in (left, right):
            if isinstance(side, RecordingValue):
                if is_text:
                    side.join()
                else:
                    side.note("number")
        return RecordingValue(sides=(left, right), is_text=is_text)

    def join(self) -> None:
        self.note("joined")
        for side in self.sides:
            if isinstance(side, RecordingValue):
                side.join()

    def __add__(self, other: object) -> "RecordingValue":
        return self._sum(self, other)

    def __radd__(self, other: object) -> "RecordingValue":
        return self._sum(other, self)

    __neg__ = __pos__ = __abs__ = __mul__ = __rmul__ = __pow__ = __rpow__ = _calculate
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _calculate
    __mod__ = __rmod__ = _calculate

    def __sub__(self, other: object) -> "RecordingValue":
        self._calculate(other)
        return RecordingValue(sides=(self, other))

    __rsub__ = __sub__

    def _count(self, *_: Any) -> int:
        self.note("number")
        return 1

    __int__ = __index__ = __round__ = _count

    def __float__(self) -> float:
        return float(self._count())


def _is_text(side: object) -> bool:
    return isinstance(side, str) or (isinstance(side, RecordingValue) and side.is_text)
