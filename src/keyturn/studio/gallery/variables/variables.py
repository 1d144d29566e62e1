"""Variables of templates with their uses, and the uses that filters, methods and tests imply."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field

Use = Literal["printed", "asked", "called", "number", "moment", "text", "length", "indexed", "list", "mapping"]

_IRREGULAR: Mapping[str, str] = {"people": "person", "children": "child", "news": "story", "data": "row"}

_SAYS_NOTHING = frozenset({"each", "element", "entry", "item", "line", "obj", "object", "one", "row", "thing", "val"})


class Variable(Struct):
    """A variable of templates.

    `attributes`: by name. `item`: one entry of a list, or one value of a mapping. `parts`: of an unpacked item, as in
    `for label, amount in rows`. `compared`: the constants that it is compared with. `default`: the template's fallback
    if that is a constant. `filters`: names of the filters on it.
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
        """Return its item. The loop's name for it counts unless it is generic, such as "item"."""
        if self.item is None:
            says_more = len(called) > len("of") and called not in _SAYS_NOTHING
            self.item = Variable(called if says_more else singular(self.name))
        return self.item

    def unpack(self, names: tuple[str, ...]) -> "tuple[Variable, ...]":
        if len(self.parts) < len(names):
            self.parts += tuple(Variable(name) for name in names[len(self.parts) :])
        return self.parts


def singular(name: str) -> str:
    """Return the singular: an "order_item" of "order_items"."""
    if name in _IRREGULAR:
        return _IRREGULAR[name]
    if name.endswith("ies"):
        return name[:-3] + "y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us")) else name


USES = tomllib.loads(Path(__file__).with_name("uses.toml").read_text("utf-8"))
FILTERS: Mapping[Use, frozenset[str]] = {use: frozenset(names) for use, names in USES["filters"].items()}
OF_MONEY = frozenset(USES["of_money"])
METHODS: Mapping[Use, frozenset[str]] = {use: frozenset(names) for use, names in USES["methods"].items()}
TESTS: Mapping[str, Use] = {name: use for use, names in USES["tests"].items() for name in names}
