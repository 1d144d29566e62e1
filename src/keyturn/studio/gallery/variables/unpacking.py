"""Stand-ins that a template unpacks: the answer of an unknown function has the parts that the
template names.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame

from keyturn.studio.gallery.environments import method_call
from keyturn.studio.gallery.variables.missing_names import StandIn
from keyturn.studio.gallery.variables.recording_value import TargetShape


def with_shaped_answers(environment: Environment) -> Environment:
    """Return a copy of the environment, in which a stand-in can be unpacked.

    Other values stay as they are.
    """
    # The code of its templates calls the methods below, which no other environment has.
    copy = environment.overlay(bytecode_cache=None)
    copy.code_generator_class = type("Shaping", (_Shaping, environment.code_generator_class), {})
    for method in (shaped, shaped_entries):
        setattr(copy, method.__name__, method)
    return copy


class _Shaping(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - Jinja's name
        for loop in node.find_all(nodes.For):
            if isinstance(loop.target, nodes.Tuple):
                loop.iter = method_call(
                    shaped_entries.__name__,
                    loop.iter,
                    loop.iter,
                    nodes.Const(shape_of(loop.target)),
                )
        for one in node.find_all(nodes.Assign):
            if isinstance(one.target, nodes.Tuple):
                shape = nodes.Const(shape_of(one.target))
                one.node = method_call(shaped.__name__, one.node, one.node, shape)
        super().visit_Template(node, frame)


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
