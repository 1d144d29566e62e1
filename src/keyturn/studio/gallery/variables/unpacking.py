"""Stand-ins that a template unpacks: the answer of an unknown function has the parts that the
template names.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import Environment, nodes

from keyturn.studio.gallery.syntax_trees import method_call, with_tree_change
from keyturn.studio.gallery.variables.missing_names import StandIn
from keyturn.studio.gallery.variables.recording_value import TargetShape


def with_shaped_answers(environment: Environment) -> Environment:
    """Return a copy of the environment, in which a stand-in can be unpacked.

    Other values stay as they are.
    """
    # The code of its templates calls the methods below, which no other environment has.
    called = {shaped.__name__: shaped, shaped_entries.__name__: shaped_entries}
    return with_tree_change(environment, _shape_answers, called, bytecode_cache=None)


def _shape_answers(tree: nodes.Template, _file: str) -> nodes.Template:
    """Let each statement that unpacks a value name the parts that it needs."""
    statements: list[nodes.For | nodes.Assign] = []
    statements += tree.find_all((nodes.For, nodes.Assign))
    for statement in statements:
        if not isinstance(statement.target, nodes.Tuple):
            continue
        shape = nodes.Const(shape_of(statement.target))
        if isinstance(statement, nodes.For):
            value = statement.iter
            statement.iter = method_call(shaped_entries.__name__, value, value, shape)
        else:
            value = statement.node
            statement.node = method_call(shaped.__name__, value, value, shape)
    return tree


def shape_of(target: nodes.Node) -> TargetShape:
    """Return the names that take a value: `for label, (amount, unit) in rows`."""
    if isinstance(target, nodes.Tuple):
        return tuple(shape_of(item) for item in target.items)
    return target.name if isinstance(target, nodes.Name) else "value"


def stand_in_of(shape: TargetShape) -> Any:
    if isinstance(shape, str):
        return StandIn(name=shape)
    return tuple(stand_in_of(part) for part in shape)


def shaped(value: Any, shape: TargetShape) -> Any:
    """Return a value with a stand-in for each part that the template unpacks from a stand-in."""
    if isinstance(shape, str):
        return value
    if isinstance(value, StandIn):
        return stand_in_of(shape)
    if isinstance(value, list | tuple) and len(value) == len(shape):
        return tuple(shaped(part, of_part) for part, of_part in zip(value, shape, strict=True))
    return value


def shaped_entries(entries: Iterable[Any], shape: TargetShape) -> Iterable[Any]:
    """Do so for each entry of a loop."""
    if isinstance(entries, StandIn | list | tuple):
        return [shaped(one, shape) for one in entries]
    if isinstance(entries, Iterator):
        return (shaped(one, shape) for one in entries)
    return entries
