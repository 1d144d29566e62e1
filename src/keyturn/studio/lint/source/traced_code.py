"""The Python code of templates whose output carries its origins.

Jinja's tree has no part that goes on after an exception, so these calls cannot be put into a tree.
This is the one module that knows how Jinja's compiler writes code, which may change in any release.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from jinja2 import TemplateAssertionError, nodes
from jinja2.compiler import CodeGenerator, Frame

from keyturn.studio.lint.source.tolerant_parsing import TolerantEnvironment

_IMPORTS = (  # what replaces Jinja's own names in the generated code, and is called by it
    (
        "from keyturn.studio.lint.source.traced_text import escape, markup as Markup, markup_join, "
        "str_join, string as str"
    ),
    "from keyturn.studio.lint.source.traced_text import TracedMacro as Macro, TemplateReference",
    "from keyturn.studio.lint.source.traced_text import trace_data as _data",
    "from keyturn.studio.lint.source.stand_ins import attempt, attempt_layout, attempt_print",
    "from keyturn.studio.lint.source.stand_ins import go_on, require_end",
)


class TracingGenerator(CodeGenerator):
    """Generates code that records the place of each output, and goes on if an expression fails."""

    _attempted: Mapping[nodes.Node, tuple[str, str, str]] = {}
    # The open statements `call` and `filter`, the innermost last.
    _statements: list[nodes.Node | None]
    environment: TolerantEnvironment

    def fail(self, msg: str, lineno: int) -> Any:
        self.environment.refuse(TemplateAssertionError(msg, lineno, self.name, self.filename))

    def write_commons(self) -> None:
        super().write_commons()
        for line in _IMPORTS:
            self.writeline(line)

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - Jinja's name
        self._attempted, self._statements = dict(self._attempts(node)), []
        self._in_loops = {*_controls_in_loops(node.body)}
        controls = node.find_all((nodes.Break, nodes.Continue))
        if not self.environment.wrong_tags[self.name][0]:  # else it may follow from one
            for stray in (one for one in controls if one not in self._in_loops):
                self.fail(f"{type(stray).__name__.lower()!r} is outside a loop", stray.lineno)
        super().visit_Template(node, frame)

    def visit(self, node: nodes.Node, *args: Any, **options: Any) -> Any:
        """Write an expression of a statement in a call that goes on if it fails."""
        if (attempt := self._attempted.get(node)) is None:
            return super().visit(node, *args, **options)
        function, before, after = attempt
        self.write(f"{function}(")
        self.newline(node)  # so that the line is known
        self.write(f"lambda {self._unique()}: {before}")
        super().visit(node, *args, **options)
        return self.write(after)

    def visit_Include(self, node: nodes.Include, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """Write it so that an endless include prints nothing: its parts are put together first."""
        if (
            frame.buffer is not None and not node.with_context
        ):  # as Jinja: a macro with it becomes a generator
            self._write_attempt(super().visit_Include, node, frame)
            return

        def write_include(node: nodes.Include, inside: Frame) -> None:
            self.writeline("yield require_end()")
            super(TracingGenerator, self).visit_Include(node, inside)

        def write_parts(_: nodes.Include, frame: Frame) -> None:
            self.simple_write(f"environment.concat({part}())", frame)

        part = self._write_function(write_include, node, frame)
        self._write_attempt(write_parts, node, frame)

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        self._write_attempt(super().visit_For, node, frame)

    def visit_Break(self, node: nodes.Break | nodes.Continue, frame: Frame) -> None:  # noqa: ARG002, N802 - Jinja's name
        """Write it within a loop; elsewhere it would be wrong code of Python."""
        if node in self._in_loops:
            self.writeline(type(node).__name__.lower(), node)

    visit_Continue = visit_Break  # noqa: N815 - Jinja's name

    def visit_Assign(self, node: nodes.Assign, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        if isinstance(node.target, nodes.Name):
            super().visit_Assign(node, frame)
            return
        names = [frame.symbols.ref(one.name) for one in node.target.find_all(nodes.Name)]
        failed = " = ".join((*names, "go_on(_error)"))
        self._write_attempt(super().visit_Assign, node, frame, failed)

    def _write_attempt(
        self,
        write: Callable[..., None],
        node: nodes.Node,
        frame: Frame,
        failed: str = "go_on(_error)",
    ) -> None:
        """Write a statement that prints what it can, and ends where it fails."""
        self.writeline("try:")
        self.indent()
        write(node, frame)
        self.outdent()
        self.writeline("except Exception as _error:", node)
        self.indent()
        self.writeline(failed, node)
        self.outdent()

    def visit_Import(self, node: nodes.Import, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        failed = f"{self._assigned([node.target], frame)} = go_on(_error)"
        self._write_attempt(super().visit_Import, node, frame, failed)

    def visit_FromImport(self, node: nodes.FromImport, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        names = [name if isinstance(name, str) else name[1] for name in node.names]
        failed = f"{self._assigned(names, frame)} = go_on(_error)"
        self._write_attempt(super().visit_FromImport, node, frame, failed)

    def _assigned(self, names: Iterable[str], frame: Frame) -> str:
        """Return the code of the variables that an import assigns."""
        targets = []
        for name in names:
            targets.append(frame.symbols.ref(name))
            if frame.toplevel:
                targets.append(f"context.vars[{name!r}]")
        return " = ".join(targets)

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        """Write each child separately, in a call that records its place."""
        if frame.require_output_check:
            if self.has_known_extends:
                return
            self.writeline("if parent_template is None:")
            self.indent()
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData):
                code = f"_data({child.data!r}, {self._position(child)})"
            else:
                output = nodes.Output([child], lineno=child.lineno)
                printing = self._write_function(super().visit_Output, output, frame)
                code = f"attempt_print({printing}().__next__, {self._position(child)})"
            self.newline(child)
            self.simple_write(code, frame)
        if frame.require_output_check:
            self.outdent()

    def _write_function(
        self, write: Callable[[Any, Frame], None], node: nodes.Node, frame: Frame
    ) -> str:
        """Write a statement that prints as a generator function, and return the name of that."""
        name = self.temporary_identifier()
        self.writeline(f"def {name}():", node)
        self.indent()
        inside = frame.copy()
        inside.buffer = None
        inside.require_output_check = False
        write(node, inside)
        self.outdent()
        return name

    def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
        super().start_write(frame, node)
        self._statements.append(node)
        if node is not None:
            self.write("attempt_print(lambda: ")

    def end_write(self, frame: Frame) -> None:
        if (node := self._statements.pop()) is not None:
            self.write(f", {self._position(node)})")
        super().end_write(frame)

    def _unique(self) -> str:
        """Return a parameter that no other function has: of thousands alike, Python compares each
        with all others.
        """
        return f"{self.temporary_identifier()}=0"

    def _attempts(
        self, template: nodes.Template
    ) -> Iterator[tuple[nodes.Node, tuple[str, str, str]]]:
        """Yield the expressions of statements, each with the function that attempts it, and the
        code around it.
        """
        for node in template.find_all(
            (nodes.If, nodes.For, nodes.Assign, nodes.With, nodes.ExprStmt, nodes.Extends)
        ):
            match node:
                case nodes.Extends(template=value):
                    load = "environment.get_template("
                    yield value, ("attempt_layout", load, f", {self.name!r}), context)")
                case nodes.For(iter=value):
                    yield value, ("attempt", "", ", iter)")
                case nodes.With(values=values):
                    yield from ((value, ("attempt", "", ")")) for value in values)
                case (
                    nodes.If(test=value)
                    | nodes.ExprStmt(node=value)
                    | nodes.Assign(target=nodes.Name(), node=value)
                ):
                    yield value, ("attempt", "", ")")  # others fail as a whole

    def _position(self, node: nodes.Node) -> str:
        line, column = getattr(node.lineno, "line", node.lineno), getattr(node.lineno, "column", 1)
        return f"{self.name or self.filename or '<template>'!r}, {line}, {column}"


def _controls_in_loops(
    parts: Iterable[nodes.Node], is_in_loop: bool = False
) -> Iterator[nodes.Node]:
    """Yield each `break` and `continue` that is in a loop of Python, too: a block and a macro
    become functions.
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
