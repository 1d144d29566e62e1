"""The parts that a shared file offers: the file as a whole, and its macros."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from jinja2 import Environment, TemplateError, nodes

from keyturn.emails.gallery.branches.wording import words_of
from keyturn.languages import Languages
from keyturn.mail.rendering.render import Templates

WHOLE = "-"
"""The name of the part that is the file itself. No macro can have it."""


class Folder(Protocol):
    """What is asked of a gallery."""

    @property
    def templates(self) -> Templates: ...
    @property
    def languages(self) -> Languages: ...
    def names(self) -> list[str]: ...
    def files_of(self, name: str) -> list[str]: ...
    def shared_files(self) -> list[str]: ...
    def source(self, file: str) -> str: ...


class Use(NamedTuple):
    """A line that calls a macro, or brings in a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a macro. `default` is written as in the template; None where it has to be given."""

    name: str
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a shared file. `takes_content`: it is called with a body (`{% call %}`)."""

    file: str
    name: str
    line: int
    parameters: tuple[Parameter, ...] = ()
    takes_content: bool = False
    uses: tuple[Use, ...] = ()

    @property
    def is_whole(self) -> bool:
        return self.name == WHOLE

    @property
    def signature(self) -> str:
        """Return the part as it is written: "button(label, kind="solid")", for a file its name."""
        if self.is_whole:
            return self.file
        told = (one.name if one.default is None else f"{one.name}={one.default}" for one in self.parameters)
        return f"{self.name}({', '.join(told)})"

    @property
    def has_options(self) -> bool:
        return any(one.default is not None for one in self.parameters)


def parts_of(folder: Folder, file: str) -> list[Part]:
    """Return the parts of a file, those that are used first. A file of macros alone is no part by itself."""
    environment = folder.templates.environment(folder.languages.choose(""))
    tree = _tree(environment, folder, file)
    if tree is None:
        return []
    uses = _uses(environment, folder, file)
    macros = [_part(file, node, uses) for node in tree.body if isinstance(node, nodes.Macro)]
    whole = [Part(file, WHOLE, 1, uses=tuple(uses[WHOLE]))] if uses[WHOLE] or not macros else []
    return sorted([*whole, *macros], key=lambda part: (not part.uses, part.line))


def _part(file: str, node: nodes.Macro, uses: Mapping[str, list[Use]]) -> Part:
    required = len(node.args) - len(node.defaults)
    parameters = [Parameter(one.name) for one in node.args[:required]]
    parameters += [
        Parameter(one.name, _written(default)) for one, default in zip(node.args[required:], node.defaults, strict=True)
    ]
    called = any(one.name == "caller" for one in node.find_all(nodes.Name))
    return Part(file, node.name, node.lineno, tuple(parameters), called, tuple(uses.get(node.name, ())))


def _written(default: nodes.Expr) -> str:
    if not isinstance(default, nodes.Const):
        return words_of(default)
    return f'"{default.value}"' if isinstance(default.value, str) else str(default.value).lower()


class _Names(NamedTuple):
    """What a template calls the file: as a `modules`' name, and each of its `macros` by the name that it has there."""

    modules: frozenset[str]
    macros: Mapping[str, str]


def _uses(environment: Environment, folder: Folder, file: str) -> Mapping[str, list[Use]]:
    """Return where the parts of a file are used, by their names."""
    found: defaultdict[str, list[Use]] = defaultdict(list)
    files = dict.fromkeys((*(one for name in folder.names() for one in folder.files_of(name)), *folder.shared_files()))
    trees = {user: tree for user in files if (tree := _tree(environment, folder, user))}
    for user, tree in trees.items():
        names = _names_in(environment, trees, user, file, frozenset())
        for name, line in sorted({*_used_whole(environment, tree, user, file), *_called(tree, names)}):
            found[name].append(Use(user, line))
    return found


def _names_in(
    environment: Environment, trees: Mapping[str, nodes.Template], user: str, file: str, below: frozenset[str]
) -> _Names:
    """Return the names that `user` has for the file: what it imports, and what the templates do that it extends.

    `below` are those that extend it, so that a circle ends.
    """
    tree = trees.get(user)
    if tree is None or user in below:
        return _Names(frozenset(), {})
    modules: set[str] = set()
    macros = {node.name: node.name for node in tree.find_all(nodes.Macro)} if user == file else {}
    named_in: Iterable[Any] = tree.find_all((nodes.Extends, nodes.Import, nodes.FromImport))
    for node in named_in:
        named = {environment.join_path(name, user) for name in _named_by(node.template)}
        match node:
            case nodes.Extends():
                for base in named:
                    inherited = _names_in(environment, trees, base, file, below | {user})
                    modules |= inherited.modules
                    macros = {**inherited.macros, **macros}
            case nodes.Import() if file in named:
                modules.add(node.target)
            case nodes.FromImport() if file in named:
                macros |= {known_as: name for name, known_as in map(_both_names, node.names)}
    return _Names(frozenset(modules), macros)


def _used_whole(environment: Environment, tree: nodes.Template, user: str, file: str) -> Iterator[tuple[str, int]]:
    named_in: Iterable[Any] = tree.find_all((nodes.Include, nodes.Extends))
    for node in named_in:
        if any(environment.join_path(name, user) == file for name in _named_by(node.template)):
            yield WHOLE, node.lineno


def _called(tree: nodes.Template, names: _Names) -> Iterator[tuple[str, int]]:
    for call in tree.find_all(nodes.Call):
        match call.node:
            case nodes.Name(name=name) if name in names.macros:
                yield names.macros[name], call.lineno
            case nodes.Getattr(node=nodes.Name(name=name), attr=macro) if name in names.modules:
                yield macro, call.lineno


def _named_by(named: nodes.Node) -> Iterable[str]:
    constants = (one.value for one in (named, *named.find_all(nodes.Const)) if isinstance(one, nodes.Const))
    return [value for value in constants if isinstance(value, str)]


def _both_names(name: Any) -> tuple[str, str]:
    return name if isinstance(name, tuple) else (name, name)


def _tree(environment: Environment, folder: Folder, file: str) -> nodes.Template | None:
    try:
        return environment.parse(folder.source(file), file)
    except (TemplateError, OSError):
        return None
