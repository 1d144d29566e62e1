"""The Python code of templates whose output carries its origins.

Line 3 of mail.html, `<p>Hello {{ name }}{% if paid %}!{% endif %}`, becomes in short:

    yield _data('<p>Hello ', 'mail.html', 3, 1)
    yield attempt_print(lambda t_1=0: _shown(context, l_0_name), 'mail.html', 3, 10)
    if attempt(lambda t_2=0: l_0_paid):
        yield _data('!', 'mail.html', 3, 33)

Jinja's tree has no part that goes on after an exception, so these calls cannot be put into a tree.
This is the one module that knows how Jinja's compiler writes code, which may change in any release.
"""

# ruff: noqa: N802, N815 - Jinja calls the methods by these names

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from jinja2 import TemplateAssertionError, nodes
from jinja2.compiler import CodeGenerator, Frame

from keyturn.studio.lint.source.positions import position_of
from keyturn.studio.lint.source.tolerant_parsing import TolerantEnvironment

_IMPORTS = (  # what replaces Jinja's own names in the generated code, and is called by it
    "from keyturn.studio.lint.source.traced_runtime import escape, markup as Markup, string as str",
    "from keyturn.studio.lint.source.traced_runtime import markup_join, shown as _shown, str_join",
    "from keyturn.studio.lint.source.traced_runtime import TracedMacro as Macro, TemplateReference",
    "from keyturn.studio.lint.source.traced_text import trace_data as _data",
    "from keyturn.studio.lint.source.stand_ins import attempt, attempt_layout, attempt_print",
    "from keyturn.studio.lint.source.stand_ins import go_on, require_end",
)


_WITH_EXPRESSIONS = (
    nodes.If,
    nodes.For,
    nodes.Assign,
    nodes.With,
    nodes.ExprStmt,
    nodes.Extends,
)


class TracingGenerator(CodeGenerator):
    """Generates code that records the place of each output, and goes on if an expression fails.

    `_attempts`: how expressions of statements are attempted.
    `_statements`: the open statements `call` and `filter`, the innermost last.
    `_in_loops`: each `break` and `continue` that Python accepts.
    """

    environment: TolerantEnvironment
    _attempts: Mapping[nodes.Node, "_Attempt"] = {}
    _statements: list[nodes.Node | None]
    _in_loops: set[nodes.Node]

    def fail(self, msg: str, lineno: int) -> Any:
        self.environment.refuse(TemplateAssertionError(msg, lineno, self.name, self.filename))

    def write_commons(self) -> None:
        super().write_commons()
        for line in _IMPORTS:
            self.writeline(line)

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        self._attempts = dict(_attempts_in(node, self.name))
        self._statements = []
        self._in_loops = set(_controls_in_loops(node.body))
        # A wrong tag may be why a control is outside a loop.
        if not self.environment.wrong_tags[self.name].errors:
            self._refuse_controls_outside_loops(node)
        super().visit_Template(node, frame)

    def _refuse_controls_outside_loops(self, template: nodes.Template) -> None:
        for control in template.find_all((nodes.Break, nodes.Continue)):
            if control not in self._in_loops:
                self.fail(f"{_tag_of(control)!r} is outside a loop", control.lineno)

    def visit(self, node: nodes.Node, *args: Any, **options: Any) -> Any:
        """Write an expression of a statement in a call that goes on if it fails."""
        attempt = self._attempts.get(node)
        if attempt is None:
            return super().visit(node, *args, **options)
        self.write(f"{attempt.function}(")
        self.newline(node)  # so that the line is known
        # A parameter that no other function has: of thousands alike, Python compares each with
        # all others.
        self.write(f"lambda {self.temporary_identifier()}=0: {attempt.before}")
        super().visit(node, *args, **options)
        return self.write(attempt.after)

    def visit_Include(self, node: nodes.Include, frame: Frame) -> None:
        """Write it so that an endless include prints nothing: its parts are put together first."""
        if frame.buffer is not None and not node.with_context:
            # Jinja writes this one as a loop that appends to the buffer.
            with self._attempt(node):
                super().visit_Include(node, frame)
            return
        with self._function(node, frame) as (parts, inside):
            self.writeline("yield require_end()")
            super().visit_Include(node, inside)
        with self._attempt(node):
            self.simple_write(f"environment.concat({parts}())", frame)

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        with self._attempt(node):
            super().visit_For(node, frame)

    def visit_Break(self, node: nodes.Break | nodes.Continue, frame: Frame) -> None:  # noqa: ARG002
        """Write it within a loop; elsewhere it would be wrong code of Python."""
        if node in self._in_loops:
            self.writeline(_tag_of(node), node)

    visit_Continue = visit_Break

    def visit_Assign(self, node: nodes.Assign, frame: Frame) -> None:
        if isinstance(node.target, nodes.Name):
            super().visit_Assign(node, frame)
            return
        names = [frame.symbols.ref(one.name) for one in node.target.find_all(nodes.Name)]
        with self._attempt(node, names):
            super().visit_Assign(node, frame)

    def visit_Import(self, node: nodes.Import, frame: Frame) -> None:
        with self._attempt(node, self._imported([node.target], frame)):
            super().visit_Import(node, frame)

    def visit_FromImport(self, node: nodes.FromImport, frame: Frame) -> None:
        names = [name if isinstance(name, str) else name[1] for name in node.names]
        with self._attempt(node, self._imported(names, frame)):
            super().visit_FromImport(node, frame)

    def _imported(self, names: Iterable[str], frame: Frame) -> list[str]:
        """Return the code of the variables that an import assigns."""
        variables = []
        for name in names:
            variables.append(frame.symbols.ref(name))
            if frame.toplevel:
                variables.append(f"context.vars[{name!r}]")
        return variables

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:
        """Write each child separately, in a call that records its place."""
        if frame.require_output_check:
            if self.has_known_extends:
                return
            self.writeline("if parent_template is None:")
            self.indent()
        is_escaped = str(frame.eval_ctx.autoescape)
        if frame.eval_ctx.volatile:  # known only when the template is rendered
            is_escaped = "context.eval_ctx.autoescape"
        for child in node.nodes:
            self.newline(child)
            self.start_write(frame)
            if isinstance(child, nodes.TemplateData):
                self.write(f"_data({child.data!r}, {self._position(child)})")
            else:
                # Without Jinja's evaluation of constants at compile time, whose faults have no
                # place. For the parameter, see `visit`.
                self.write(f"attempt_print(lambda {self.temporary_identifier()}=0: ")
                self.write("_shown(context, ")
                self.visit(child, frame)
                self.write(f", is_escaped={is_escaped}), {self._position(child)})")
            self.end_write(frame)
        if frame.require_output_check:
            self.outdent()

    @contextmanager
    def _attempt(self, node: nodes.Node, variables: Iterable[str] = ()) -> Iterator[None]:
        """Let the code that is written meanwhile end where it fails.

        `variables`: get a stand-in then.
        """
        self.writeline("try:")
        self.indent()
        yield
        self.outdent()
        self.writeline("except Exception as _error:", node)
        self.indent()
        self.writeline(" = ".join([*variables, "go_on(_error)"]), node)
        self.outdent()

    @contextmanager
    def _function(self, node: nodes.Node, frame: Frame) -> Iterator[tuple[str, Frame]]:
        """Let the code that is written meanwhile be a function that yields what it prints.

        Gives its name, and the frame to write it in.
        """
        name = self.temporary_identifier()
        inside = frame.copy()
        inside.buffer = None
        inside.require_output_check = False
        self.writeline(f"def {name}():", node)
        self.indent()
        yield name, inside
        self.outdent()

    def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
        super().start_write(frame, node)
        self._statements.append(node)
        if node is not None:
            self.write("attempt_print(lambda: ")

    def end_write(self, frame: Frame) -> None:
        node = self._statements.pop()
        if node is not None:
            self.write(f", {self._position(node)})")
        super().end_write(frame)

    def _position(self, node: nodes.Node) -> str:
        """Return the arguments of a place."""
        file = self.name or self.filename or "<template>"
        position = position_of(node.lineno)
        return f"{file!r}, {position.line}, {position.column}"


class _Attempt(NamedTuple):
    """How an expression of a statement is attempted.

    `function`: attempts it. `before`, `after`: the code around the expression; the code before it
    is part of what is attempted.
    """

    function: str = "attempt"
    before: str = ""
    after: str = ")"


def _attempts_in(
    template: nodes.Template, name: str | None
) -> Iterator[tuple[nodes.Node, _Attempt]]:
    """Yield the expressions that are attempted; other statements are attempted as a whole."""
    for node in template.find_all(_WITH_EXPRESSIONS):
        match node:
            case nodes.Extends():
                load = "environment.get_template("
                yield node.template, _Attempt("attempt_layout", load, f", {name!r}), context)")
            case nodes.For():
                yield node.iter, _Attempt(after=", iter)")
            case nodes.With():
                for value in node.values:
                    yield value, _Attempt()
            case nodes.If():
                yield node.test, _Attempt()
            case nodes.ExprStmt() | nodes.Assign(target=nodes.Name()):
                yield node.node, _Attempt()


def _tag_of(control: nodes.Node) -> str:
    """Return "break" or "continue"."""
    return type(control).__name__.lower()


def _controls_in_loops(
    parts: Iterable[nodes.Node], is_in_loop: bool = False
) -> Iterator[nodes.Node]:
    """Yield each `break` and `continue` that is in a loop of the Python code, too.

    A block and a macro become functions, which end the loop around them.
    """
    for part in parts:
        if isinstance(part, nodes.For):
            yield from _controls_in_loops(part.body, is_in_loop=True)
            yield from _controls_in_loops(part.else_, is_in_loop and not part.recursive)
        elif not isinstance(part, nodes.Break | nodes.Continue):
            is_function = isinstance(part, nodes.Block | nodes.Macro | nodes.CallBlock)
            yield from _controls_in_loops(part.iter_child_nodes(), is_in_loop and not is_function)
        elif is_in_loop:
            yield part
