"""Finds the variables of Jinja's templates: renders all branches with a `RecordingValue` for each
variable, and runs no function of an app.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache, partial, reduce
from inspect import isclass, isfunction
from itertools import islice
from typing import Any

from jinja2 import Environment, Template, TemplateError, nodes, pass_context
from jinja2.filters import FILTERS as OF_JINJA
from jinja2.runtime import Context, Macro
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from keyturn.context_values import within
from keyturn.studio.gallery.filter_table import FilterTable
from keyturn.studio.gallery.syntax_trees import (
    Prepare,
    StudioEnvironment,
    copied_as,
    parse_template,
)
from keyturn.studio.gallery.variables.missing_names import note_faults
from keyturn.studio.gallery.variables.python_functions import NAMES as PYTHON_FUNCTIONS
from keyturn.studio.gallery.variables.python_functions import call_python
from keyturn.studio.gallery.variables.recording_value import (
    FILTERS,
    TESTS,
    RecordingValue,
    TargetShape,
    Variable,
    Variables,
    printed,
)
from keyturn.studio.gallery.variables.slots import BEGIN, ELSE, END, MARK, Slot, number_of, slots_in
from keyturn.studio.gallery.variables.unpacking import shape_of

_DEEPEST = 12  # depth of calls and includes; deeper ones are circles
# Calls, includes and turns of loops: a macro that calls itself twice would make exponentially many.
_MOST = 2000
# "__" stands in for a wrong tag.
_ALWAYS_THERE = frozenset(
    {"_", "__", "gettext", "ngettext", "pgettext", "npgettext", "loop", "self", "super", "caller"}
)
# Filters whose result is such a list or mapping, or is printed in the same place.
_RETURN_THE_LIKE = frozenset(
    (
        *("list", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "unique"),
        *("dictsort", "items"),
        *("capitalize", "lower", "replace", "striptags", "title", "trim", "upper"),
    )
)
_COMPARING = frozenset({"eq", "equalto", "==", "sameas", "in"})
_BUILT_IN = frozenset({"babel", "builtins", "gettext", "jinja2", "keyturn", "markupsafe"})
_MOST_TURNS = 100
_INCLUDED = "_included"
# A name that the templates of a mail have; a file that is imported without their context lacks it.
_INSIDE = "_inside"


class _Reading:
    """One rendering. `variables`: those that it has found."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self._depth = 0
        self._steps = 0

    def goes_on(self) -> bool:
        self._steps += 1
        return self._steps <= _MOST and self._depth < _DEEPEST

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1


_reading: ContextVar[_Reading] = ContextVar("reading")


def find_variables(
    files: Sequence[str], environment: Environment, go_on: Prepare | None = None
) -> Variables:
    """Return the variables of files and of all that they use, without globals.

    Malformed files need `go_on`.
    """
    with within(_reading, _Reading()) as reading, note_faults():
        for file in files:
            template = _loaded(_recording(environment, go_on), file)
            if template is None:
                continue
            # Rendering reports what fails.
            with suppress(Exception), within(printed, list[RecordingValue]()) as recorded:
                _note_slots(template.render({_INSIDE: True}), recorded)
    return reading.variables


def _note_slots(text: str, recorded: Sequence[RecordingValue]) -> None:
    for number, slot in slots_in(text):
        if number < len(recorded):  # a template may have such a character of its own
            for one in recorded[number].variables:
                one.slots.append(slot)


@lru_cache(4)
def _recording(environment: Environment, go_on: Prepare | None) -> Environment:
    copy = copied_as(
        _RecordingEnvironment,
        environment,
        bytecode_cache=None,
        enable_async=False,
        optimized=False,  # a filter of a constant is called when the template is rendered
        auto_reload=True,
    )
    copy.recorded = environment
    copy.go_on = go_on
    # The first change is made in a copy of the tree, which `parse_template` shares.
    copy.tree_changes = (_take_all_branches, *copy.tree_changes)
    copy.code_generator_class = Environment.code_generator_class
    copy.context_class = _RecordingContext
    copy.finalize = None
    own = {_name_of(function): function for function in _OWN}
    copy.filters = FilterTable(
        own, lambda name: pass_context(partial(_filtered, environment, name))
    )
    copy.tests = FilterTable({}, lambda name: pass_context(partial(_tested, environment, name)))
    vars(copy)["undefined"] = lambda *_, **__: RecordingValue()
    return copy


class _RecordingEnvironment(StudioEnvironment):
    """A copy of the environment `recorded`, whose trees it takes."""

    recorded: Environment
    go_on: Prepare | None

    def parse(
        self, source: str, name: str | None = None, _filename: str | None = None
    ) -> nodes.Template:
        return parse_template(self.recorded, source, name or "", self.go_on)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, RecordingValue):
            return obj.attribute(attribute)
        return super().getattr(obj, attribute)

    def unsafe_undefined(self, _obj: Any, _attribute: str) -> Any:
        """Go on: what a sandbox refuses is told when the mail is rendered."""
        return RecordingValue()


def _take_all_branches(tree: nodes.Template, file: str) -> nodes.Template:
    changed: nodes.Template = _Branches(file).visit(tree)
    return changed


def _loaded(environment: Environment, file: str, parent: str | None = None) -> Template | None:
    with suppress(TemplateError, OSError, ValueError, RecursionError):
        return environment.get_template(file, parent)
    return None


class _RecordingContext(Context):
    """Has a `RecordingValue` for each name that the mail is to be given.

    It calls only what is Jinja's or Python's own.
    """

    def resolve_or_missing(self, key: str) -> Any:
        if key == _INCLUDED:
            return missing  # a template: by its environment, an included file could leave a sandbox
        value = super().resolve_or_missing(key)
        if value is not missing or key in _ALWAYS_THERE or _INSIDE not in self.parent:
            return value
        return RecordingValue(_reading.get().variables.setdefault(key, Variable(key)))

    def call(self, called: Any, /, *args: Any, **named: Any) -> Any:
        if isinstance(called, RecordingValue):
            answer = called.call(*args)
            name = called.root_name
            if name in PYTHON_FUNCTIONS:
                return _attempted(partial(call_python, name, *args, **named))
            return answer
        if args and isinstance(getattr(called, "__self__", None), Environment):
            if isinstance(args[0], RecordingValue):
                return args[0]
            if _is_built_in(called):  # the sandbox's bounds
                return _attempted(partial(called, *args))
        caller = named.get("caller")
        if isinstance(caller, Macro) and not isinstance(called, Macro):
            return self.call(caller)  # the tag of an extension
        return self._call_built_in(called, args, named)

    def _call_built_in(self, called: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        reading = _reading.get()
        if not _is_built_in(called) or not reading.goes_on():
            return RecordingValue()
        with reading.deeper():
            return _attempted(partial(super().call, called, *args, **named))


def _is_built_in(called: Any) -> bool:
    owner = getattr(called, "__self__", called)
    definition = owner if isfunction(owner) or isclass(owner) else type(owner)
    package = str(definition.__module__).partition(".")[0]
    return package in _BUILT_IN


def _filtered(
    environment: Environment, name: str, context: Context, value: Any, *args: Any, **named: Any
) -> Any:
    """Return the result of a filter. Jinja's own filters of lists take what they need from a
    `RecordingValue`.
    """

    def apply() -> Any:
        result = environment.call_filter(name, value, args, named, context)
        return list(result) if isinstance(result, Iterator) else result

    is_known = name in environment.filters
    if not isinstance(value, RecordingValue):
        if is_known:
            return _attempted(apply)
        return value
    default = args[0] if args and name in ("default", "d") else None
    value.note_filter(name, default)
    use = FILTERS.get(name)
    if use is None or not is_known:
        return value
    value.note(use)
    listed = RecordingValue()
    if use == "list" and name in OF_JINJA:
        listed = _attempted(apply)  # notes what the filter takes of the entries
    if name in _RETURN_THE_LIKE:
        return value
    return listed


def _attempted(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception:  # noqa: BLE001 - it cannot take a recording value
        return RecordingValue()


def _tested(environment: Environment, name: str, context: Context, value: Any, *args: Any) -> Any:
    if not isinstance(value, RecordingValue):
        return _attempted(partial(environment.call_test, name, value, args, None, context))
    if name in TESTS:
        value.note(TESTS[name])
    for argument in args:
        constants: tuple[Any, ...] = (argument,)
        if name == "in" and isinstance(argument, list | tuple):
            constants = tuple(argument)
        for constant in constants:
            value.note_constant(constant, is_option=name in _COMPARING)
    return True


class _Branches(NodeTransformer):
    """Makes statements one after another of those that exclude each other, in a copy of a tree."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._extends = False

    def visit(self, node: nodes.Node, *_: Any, **__: Any) -> Any:
        """Visit the parts of a copy of a node, then itself."""
        # An extension's internal name cannot be made by its class.
        copied = object.__new__(type(node))
        for name, part in vars(node).items():
            setattr(copied, name, list(part) if isinstance(part, list) else part)
        copied = self.generic_visit(copied)
        visitor = self.get_visitor(copied)
        if visitor:
            return visitor(copied)
        return copied

    def visit_If(self, node: nodes.If) -> list[nodes.Node]:  # noqa: N802 - Jinja's names
        branches = [_mark(BEGIN), *node.body, _mark(ELSE), *node.elif_, *node.else_, _mark(END)]
        return [_statement(_call(asked, node.test)), *branches]

    def visit_For(self, node: nodes.For) -> list[nodes.Node]:  # noqa: N802
        node.iter = _call(each, node.iter, nodes.Const(shape_of(node.target)))
        if node.test:
            node.body.insert(0, _statement(_call(asked, node.test)))
        otherwise = node.else_
        node.test = None
        node.else_ = []
        return [_mark(BEGIN), node, _mark(ELSE), *otherwise, _mark(END)]

    def visit_CondExpr(self, node: nodes.CondExpr) -> Any:  # noqa: N802
        if node.expr2 is None:
            return _call(either, node.test, node.expr1)
        return _call(either, node.test, node.expr1, node.expr2)

    def visit_Or(self, node: nodes.Or) -> Any:  # noqa: N802
        return _call(left_or_right, node.left, node.right)

    def visit_And(self, node: nodes.And) -> Any:  # noqa: N802
        return _call(either, node.left, node.right)

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:  # noqa: N802
        if isinstance(node.target, nodes.Tuple):
            node.node = _call(unpacked, node.node, nodes.Const(shape_of(node.target)))
        return node

    def visit_Include(self, node: nodes.Include) -> nodes.Node:  # noqa: N802
        name = nodes.Name(_INCLUDED, "store")
        files = self._files(each_file, node)
        loop = nodes.For(name, files, [node], [], None, False)  # noqa: FBT003
        node.template = nodes.Name(_INCLUDED, "load")
        return loop.set_lineno(node.lineno)

    def visit_Extends(self, node: nodes.Extends) -> nodes.Node:  # noqa: N802
        if self._extends:  # another layout, of another branch
            include = nodes.Include(node.template, True, True, lineno=node.lineno)  # noqa: FBT003
            return self.visit_Include(include)
        self._extends = True
        node.template = self._files(first_file, node)
        return node

    def visit_Import(self, node: nodes.Import) -> nodes.Node:  # noqa: N802
        node.template = self._files(first_file, node)
        return node

    visit_FromImport = visit_Import  # noqa: N815

    def visit_Break(self, _: nodes.Node) -> None:  # noqa: N802
        return None

    visit_Continue = visit_Break  # noqa: N815

    def _files(self, function: Callable[..., Any], node: Any) -> Any:
        """Return a call with this file, the names in an expression, and the value of that."""
        names = tuple(one.value for one in node.find_all(nodes.Const) if isinstance(one.value, str))
        return _call(function, node.template, nodes.Const(self._file), nodes.Const(names))


def _mark(mark: str) -> nodes.Node:
    return nodes.Output([nodes.TemplateData(mark, lineno=1)], lineno=1)


def _call(function: Callable[..., Any], value: Any, *arguments: Any) -> Any:
    """Return a call of one of `_OWN`, as a filter of a name that no template can write."""
    return nodes.Filter(value, _name_of(function), [*arguments], [], None, None).set_lineno(
        value.lineno
    )


def _name_of(function: Callable[..., Any]) -> str:
    return f" {function.__name__}"


def _statement(call: Any) -> nodes.Node:
    return nodes.ExprStmt(call, lineno=call.lineno)


def asked(value: Any) -> Any:
    if isinstance(value, RecordingValue):
        value.note("asked")
    return value


def either(test: Any, *values: Any) -> Any:
    asked(test)
    recorded = [value for value in values if isinstance(value, RecordingValue)]
    if recorded:
        return reduce(RecordingValue.either, recorded)
    return next(filter(None, values), values[-1])


def left_or_right(left: Any, right: Any) -> Any:
    return either(left, left, right)


def each(entries: Any, shape: TargetShape) -> list[Any]:
    if isinstance(entries, RecordingValue):
        if not _reading.get().goes_on():
            return []
        return [entries.note("list").entry(shape)]
    turns = _attempted(lambda: list(islice(entries, _MOST_TURNS)))
    return [unpacked(one, shape) for one in turns if _reading.get().goes_on()]


def unpacked(value: Any, shape: TargetShape) -> Any:
    if isinstance(value, RecordingValue):
        return value.parts(shape)
    if isinstance(shape, str) or not isinstance(value, list | tuple):
        return value
    return tuple(unpacked(part, of_part) for part, of_part in zip(value, shape, strict=False))


@pass_context
def each_file(
    context: Context, value: Any, parent: str, names: tuple[str, ...]
) -> Iterator[Template]:
    _note_file(context.environment, value, parent)
    reading = _reading.get()
    values = value if isinstance(value, list | tuple) else (value,)
    files = [name for name in (*names, *values) if isinstance(name, str)]
    for file in dict.fromkeys(files):  # each once
        if not reading.goes_on():
            return
        template = _loaded(context.environment, file, parent)
        if template is not None:
            with reading.deeper():
                yield template


def _note_file(environment: Environment, name: Any, parent: str) -> None:
    """Note which files a value may name: `"parts/" ~ kind ~ ".html"` names those of a folder."""
    recorded = printed.get()
    mark = MARK.search(name) if isinstance(name, str) else None
    if not (recorded and mark):
        return
    prefix = name[: mark.start()]
    suffix = name[mark.end() :]
    if "/" not in prefix:  # it could be any file, and this one, too
        return
    with suppress(TypeError, OSError):  # a loader may have no list
        files = environment.list_templates(
            filter_func=lambda file: file.startswith(prefix) and file.endswith(suffix)
        )
        rests = []
        for file in files:
            if file != parent:
                rests.append(file[len(prefix) : len(file) - len(suffix)])
        if not rests:
            return
        for variable in recorded[number_of(mark[0])].variables:
            variable.slots.append(Slot("file", options=tuple(rests)))


@pass_context
def first_file(context: Context, value: Any, parent: str, names: tuple[str, ...]) -> Template:
    """Return the layout or module that an expression may mean, or one with the same blocks."""
    template = next(each_file(context, value, parent, names), None)
    if template is not None:
        return template
    blocks: list[nodes.Node] = []
    for name in context.blocks:
        blocks.append(nodes.Block(name, [], False, False, lineno=1))  # noqa: FBT003
    return context.environment.from_string(nodes.Template(blocks, lineno=1))


_OWN: Sequence[Callable[..., Any]] = (
    asked,
    either,
    left_or_right,
    each,
    unpacked,
    each_file,
    first_file,
)
