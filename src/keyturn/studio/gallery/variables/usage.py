"""Finds the variables of templates: reads statements, macros and included files."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, TemplateError, TemplateSyntaxError, nodes
from msgspec.structs import replace

from keyturn.studio.gallery.environments import TOO_DEEP, Prepare, require_shallow
from keyturn.studio.gallery.variables.expressions import Expressions
from keyturn.studio.gallery.variables.variables import Macro, Scope, Values, Variable

DEEPEST = 12
"""Depth of calls and includes. Deeper ones are circles."""

MOST_CALLS = 2000
"""Calls of macros that are followed: a macro that calls itself twice would make exponentially many."""

_ALWAYS_THERE = frozenset({"_", "gettext", "ngettext", "pgettext", "npgettext", "loop", "self", "super", "caller"})


def find_variables(
    files: Iterable[str], environment: Environment, go_on: Prepare | None = None
) -> Mapping[str, Variable]:
    """Return the variables of files, with all that they extend, include and import, by name.

    Globals of the environment are no variables. Missing files are skipped, and without `go_on` malformed ones.
    """
    usage = Usage(environment, go_on)
    for file in files:
        usage.read(file)
    return usage.given


class Usage:
    """Collects the variables of files in `given`."""

    def __init__(self, environment: Environment, go_on: Prepare | None = None) -> None:
        self.given: dict[str, Variable] = {}
        self._environment = environment
        self._go_on = go_on
        self._expressions = self._make_expressions()
        self._overridden: set[str] = set()
        self._calls = 0

    def _make_expressions(self) -> Expressions:
        return Expressions(self._name, self._call, self._environment.filters)

    def _make_variable(self, name: str) -> Variable:
        return Variable(name)

    def read(self, file: str) -> None:
        self._overridden = set()
        self._file(file, Scope(file=file))

    def _file(self, file: str, scope: Scope) -> None:
        if tree := self._tree(file):
            self._body(tree.body, scope)

    def _tree(self, file: str) -> nodes.Template | None:
        loader = self._environment.loader
        if loader is None:
            return None
        try:
            source, _, _ = loader.get_source(self._environment, file)
            return parse_template(self._environment, source, file)
        except TemplateSyntaxError:
            if self._go_on is None:
                return None
            self._environment, self._go_on = self._go_on(self._environment), None  # whose globals no variables are
            return self._tree(file)
        except (TemplateError, OSError, UnicodeDecodeError):
            return None

    def _body(self, body: list[Any], scope: Scope) -> None:
        """Read statements. The blocks of a child come before the layout that it extends."""
        layouts = [node for node in body if isinstance(node, nodes.Extends)]
        if scope.depth == 0:
            for layout in layouts:
                self._bind_macros_of(layout, scope, set())
        for node in (*(node for node in body if node not in layouts), *layouts):
            self._statement(node, scope)

    def _bind_macros_of(self, layout: nodes.Extends, scope: Scope, seen: set[str]) -> None:
        """Bind the macros of a layout, and those that it imports: the blocks of its child may call them.

        `seen`: layouts whose macros are bound. One that extends itself twice would else take exponential time.
        """
        for file in _files(layout.template):
            name = self._environment.join_path(file, scope.file)
            if scope.depth < DEEPEST and name not in seen and (tree := self._tree(name)):
                seen.add(name)
                inside = replace(scope, file=name, depth=scope.depth + 1)
                for node in tree.body:
                    if isinstance(node, nodes.Extends):
                        self._bind_macros_of(node, inside, seen)
                    elif isinstance(node, nodes.Import | nodes.FromImport | nodes.Macro):
                        self._part(node, inside)

    def _statement(self, node: nodes.Node, scope: Scope) -> None:
        see = self._expressions.see
        match node:
            case nodes.Output():
                for child in node.nodes:
                    see(child, scope, "printed")
            case nodes.If():
                see(node.test, scope, "asked")
                self._body([*node.body, *node.elif_, *node.else_], scope)
            case nodes.For():
                self._loop(node, scope)
            case nodes.Assign():
                self._bind(node.target, see(node.node, scope), scope)
            case nodes.AssignBlock():
                self._body(node.body, scope)
                self._bind(node.target, (), scope)
            case nodes.With():
                inner = scope.inner_scope()
                for target, value in zip(node.targets, node.values, strict=True):
                    self._bind(target, see(value, scope), inner)
                self._body(node.body, inner)
            case nodes.ExprStmt():
                see(node.node, scope)
            case _:
                self._part(node, scope)

    def _part(self, node: nodes.Node, scope: Scope) -> None:
        match node:
            case nodes.Block():
                self._block(node, scope)
            case nodes.Macro():
                scope.names[node.name] = Macro(node, scope)
            case nodes.CallBlock():
                self._expressions.see(node.call, scope)
                self._body(node.body, scope.inner_scope(**{one.name: () for one in node.args}))
            case nodes.FilterBlock() | nodes.ScopedEvalContextModifier():
                self._body(node.body, scope.inner_scope())
            case nodes.Extends():
                self._bring_in(node.template, scope)
            case nodes.Include():
                self._bring_in(node.template, scope.inner_scope())
            case nodes.Import():
                scope.names[node.target] = self._module(node, scope)
            case nodes.FromImport():
                module = self._module(node, scope)
                for name in node.names:
                    one, known_as = name if isinstance(name, tuple) else (name, name)
                    scope.names[known_as] = module.names.get(one, ())
            case _:
                pass

    def _loop(self, node: nodes.For, scope: Scope) -> None:
        inner = scope.inner_scope(loop=())
        called = node.target.name if isinstance(node.target, nodes.Name) else ""
        items = tuple(one.item_variable(called) for one in self._expressions.see(node.iter, scope, "list"))
        self._bind(node.target, items, inner)
        if node.test:
            self._expressions.see(node.test, inner, "asked")
        self._body(node.body, inner)
        self._body(node.else_, scope)

    def _bind(self, target: nodes.Node, values: Values, scope: Scope) -> None:
        match target:
            case nodes.Name():
                scope.names[target.name] = values
            case nodes.Tuple():
                names = tuple(one.name if isinstance(one, nodes.Name) else "value" for one in target.items)
                unpacked = [one.unpack(names) for one in values]
                for nth, one in enumerate(target.items):
                    self._bind(one, tuple(parts[nth] for parts in unpacked), scope)
            case _:
                pass

    def _block(self, node: nodes.Block, scope: Scope) -> None:
        if node.name in self._overridden:
            return
        if not calls_super(node):
            self._overridden.add(node.name)
        self._body(node.body, scope.inner_scope())

    def _bring_in(self, named: nodes.Node, scope: Scope) -> None:
        for file in _files(named):
            name = self._environment.join_path(file, scope.file)
            if scope.depth < DEEPEST:
                self._file(name, replace(scope, file=name, depth=scope.depth + 1))

    def _module(self, node: nodes.Import | nodes.FromImport, scope: Scope) -> Scope:
        file = next(_files(node.template), "")
        name = self._environment.join_path(file, scope.file) if file else ""
        outer = scope if node.with_context else None
        module = Scope(outer=outer, file=name, isolated=not node.with_context, depth=scope.depth + 1)
        if name and module.depth < DEEPEST:
            self._file(name, module)
        return module

    def _name(self, name: str, scope: Scope) -> Values:
        bound = scope.find(name)
        if bound is not None:
            return bound if isinstance(bound, tuple) else ()
        if scope.isolated or name in _ALWAYS_THERE or name in self._environment.globals:
            return ()
        return (self.given.setdefault(name, self._make_variable(name)),)

    def _call(self, node: nodes.Call, scope: Scope) -> bool:
        """Read a called macro with its arguments. Return whether it is a macro."""
        macro = find_macro(node.node, scope)
        if macro is None:
            return False
        self._calls += 1
        if scope.depth >= DEEPEST or self._calls > MOST_CALLS or isinstance(macro.node, nodes.CallBlock):
            return True
        see = self._expressions.see
        given = [see(one, scope) for one in node.args]
        named: Mapping[str, Values] = {one.key: see(one.value, scope) for one in node.kwargs}
        names = [one.name for one in macro.node.args]
        defaults = dict(zip(reversed(names), reversed(macro.node.defaults), strict=False))
        bound: dict[str, Values] = dict.fromkeys(("varargs", "kwargs"), ())
        bound |= {name: see(defaults[name], macro.scope) if name in defaults else () for name in names}
        bound |= dict(zip(names, given, strict=False))
        bound |= {name: values for name, values in named.items() if name in names}
        self._body(macro.node.body, replace(macro.scope.inner_scope(**bound), depth=scope.depth + 1))
        return True


def calls_super(block: nodes.Block) -> bool:
    called = (call.node for call in block.find_all(nodes.Call))
    return any(isinstance(name, nodes.Name) and name.name == "super" for name in called)


def find_macro(called: nodes.Node, scope: Scope) -> Macro | None:
    """Find `name` or `module.name`."""
    found = None
    if isinstance(called, nodes.Name):
        found = scope.find(called.name)
    elif isinstance(called, nodes.Getattr) and isinstance(called.node, nodes.Name):
        module = scope.find(called.node.name)
        found = module.names.get(called.attr) if isinstance(module, Scope) else None
    return found if isinstance(found, Macro) else None


def _files(named: nodes.Node) -> Iterator[str]:
    if isinstance(named, nodes.Const) and isinstance(named.value, str):
        yield named.value
    elif isinstance(named, nodes.Tuple | nodes.List | nodes.CondExpr | nodes.Or):
        for part in named.iter_child_nodes():
            yield from _files(part)


_MOST = 32
"""Cached trees: of the current mail and of shared layouts and partials."""


@lru_cache(_MOST)
def parse_template(environment: Environment, source: str, file: str, go_on: Prepare | None = None) -> nodes.Template:
    """Return the shared syntax tree; do not change it. Raises TemplateSyntaxError."""
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
