"""What the templates of a mail are given, as far as they tell: each name, and what is done with its value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Use = Literal[
    "printed",
    "asked",
    "passed",
    "called",
    "number",
    "moment",
    "text",
    "length",
    "indexed",
    "list",
    "mapping",
]

_IRREGULAR: Mapping[str, str] = {"people": "person", "children": "child", "news": "story", "data": "row"}

_SAYS_NOTHING = frozenset({"each", "element", "entry", "item", "line", "obj", "object", "one", "row", "thing", "val"})


@dataclass(slots=True)
class Variable:
    """A value that templates are given.

    `attributes` are what is taken from it by name, `item` is what one turn of a loop over it gets, of a mapping the
    values. `parts` are those of an item that is unpacked, as in `for label, amount in rows`. `compared` are the
    constants it is compared with, `default` is what a template falls back to, `filters` are the names of what it is
    piped through.
    """

    name: str
    uses: set[Use] = field(default_factory=set)
    attributes: dict[str, "Variable"] = field(default_factory=dict)
    item: "Variable | None" = None
    parts: "tuple[Variable, ...]" = ()
    compared: list[Any] = field(default_factory=list)
    default: Any = None
    filters: set[str] = field(default_factory=set)

    def attribute(self, name: str) -> "Variable":
        return self.attributes.setdefault(name, Variable(name))

    def item_variable(self, called: str = "") -> "Variable":
        """Return what an item of it is. A loop's name for it counts where it says more than "item"."""
        if self.item is None:
            says_more = len(called) > len("of") and called not in _SAYS_NOTHING
            self.item = Variable(called if says_more else singular(self.name))
        return self.item

    def absorb(self, other: "Variable") -> None:
        """Take over what is known of another variable, which is the same value."""
        self.uses |= other.uses
        self.filters |= other.filters
        self.compared += other.compared
        self.default = self.default or other.default
        for name, attribute in other.attributes.items():
            self.attribute(name).absorb(attribute)
        if other.item:
            self.item_variable(other.item.name).absorb(other.item)
        for part, known in zip(self.unpack(tuple(one.name for one in other.parts)), other.parts, strict=False):
            part.absorb(known)

    def unpack(self, names: tuple[str, ...]) -> "tuple[Variable, ...]":
        if len(self.parts) < len(names):
            self.parts += tuple(Variable(name) for name in names[len(self.parts) :])
        return self.parts


def singular(name: str) -> str:
    """Return what one of several is called: "order_items" holds an "order_item"."""
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    if name.endswith("ies"):
        return name[:-3] + "y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us")) else name
