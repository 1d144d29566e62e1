"""Jinja's syntax trees in the studio: parsed within bounds, and changed before they become code.

The studio takes branches that no sample takes, bounds what templates do, and finds their variables.
For each of these it puts calls into a template's tree; Jinja makes the code of the changed tree.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from jinja2 import Environment, TemplateSyntaxError, nodes

T = TypeVar("T")
E = TypeVar("E", bound=Environment)

Prepare = Callable[[Environment], Environment]  # returns a changed copy of an environment
TreeChange = Callable[[nodes.Template, str], nodes.Template]
"""Takes the tree of a template, which it may change, and the template's name."""

TOO_DEEP = "An expression is nested too deeply."

# Levels of a syntax tree: its readers take up to four calls for each, of Python's thousand.
_MOST_NESTED = 100


class StudioEnvironment(Environment):
    """An environment that makes its templates of changed trees.

    `tree_changes`: what happens to each tree, in this order.
    """

    tree_changes: tuple[TreeChange, ...] = ()

    def compile(
        self,
        source: str | nodes.Template,
        name: str | None = None,
        filename: str | None = None,
        *flags: Any,
        **named_flags: Any,
    ) -> Any:
        """Return the code of a template. All loaders, and `from_string`, call this."""
        tree = self.parse(source, name, filename) if isinstance(source, str) else source
        for change in self.tree_changes:
            tree = change(tree, name or "")
        return super().compile(tree, name, filename, *flags, **named_flags)


def with_tree_change(
    environment: Environment,
    change: TreeChange,
    called: Mapping[str, Callable[..., Any]],
    **options: Any,
) -> StudioEnvironment:
    """Return a copy of the environment, with other options, that also makes this change.

    `called`: the functions that changed trees call, by the names in their `method_call`s.
    """
    copy = copied_as(StudioEnvironment, environment, **options)
    copy.tree_changes = (*copy.tree_changes, change)
    vars(copy).update(called)  # `extend` would keep what the app has under such a name
    return copy


def copied_as(kind: type[E], environment: Environment, **options: Any) -> E:
    """Return a copy of an environment, with other options, that is of this kind, too."""
    copy: Any = environment.overlay(**options)
    copy.__class__ = mixed(kind, type(copy))
    same: E = copy
    return same


def mixed(kind: type[T], own: type) -> type[T]:
    """Return a class that does what `kind` says, and all else as an app's `own` class.

    An app's environment, and its contexts and templates, may be of any class.
    """
    if issubclass(own, kind):
        return own
    if issubclass(kind, own):
        return kind
    return type(kind.__name__, (kind, own), {})


def method_call(name: str, place: nodes.Node, *arguments: Any) -> Any:
    """Return a call of the environment's method, at the line of a node."""
    call = nodes.Call(nodes.EnvironmentAttribute(name), [*arguments], [], None, None)
    call.set_lineno(place.lineno)
    if place.environment:
        call.set_environment(place.environment)
    return call


@lru_cache(32)  # trees of the current mail, and of shared layouts and partials
def parse_template(
    environment: Environment, source: str, file: str, go_on: Prepare | None = None
) -> nodes.Template:
    """Return the shared syntax tree; do not change it.

    Malformed files need `go_on`. Raises TemplateSyntaxError.
    """
    try:
        return require_shallow(environment.parse(source, file), file, file)
    except RecursionError:
        raise TemplateSyntaxError(TOO_DEEP, 1, file, file) from None
    except ValueError as error:  # of Python's int
        raise TemplateSyntaxError(f"A number cannot be read: {error}.", 1, file, file) from None
    except TemplateSyntaxError:
        if go_on is None:
            raise
        return go_on(environment).parse(source, file)


def require_shallow(tree: nodes.Template, name: str | None, filename: str | None) -> nodes.Template:
    """Return the tree.

    Raises TemplateSyntaxError, at its line, for a part that is nested too deeply.
    """
    level = list(tree.iter_child_nodes())
    depth = 0
    while level:
        depth += 1
        if depth > _MOST_NESTED:
            raise TemplateSyntaxError(TOO_DEEP, level[0].lineno, name, filename)
        below: list[nodes.Node] = []
        for node in level:
            below += node.iter_child_nodes()
        level = below
    return tree
