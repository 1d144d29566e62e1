"""The names that templates bind themselves: by set, for, with, macro and import."""

from dataclasses import dataclass, field, replace

from jinja2 import nodes

from keyturn.emails.gallery.variables.variables import Variable

Values = tuple[Variable, ...]
"""What an expression may come to: none where it is not something that was given."""


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro, or the body of a call of one, with the names that it sees."""

    node: nodes.Macro | nodes.CallBlock
    scope: "Scope"


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names of a template mean at one place.

    `names` are those that templates bind themselves. `isolated`: an imported file sees nothing of what is given.
    """

    names: dict[str, "Values | Macro | Scope"] = field(default_factory=dict)
    outer: "Scope | None" = None
    file: str = ""
    isolated: bool = False
    depth: int = 0

    def find(self, name: str) -> "Values | Macro | Scope | None":
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def inner_scope(self, **bound: Values) -> "Scope":
        return replace(self, names=dict(bound), outer=self)
