"""Keyturn uses no private member of Jinja, which may change in a patch release, and extends its
compiler in one module.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import jinja2
from tests.house.checkout import CHECKOUT, files_of

COMPILER = "studio/lint/source/traced_code.py"
"""The module that extends Jinja's compiler, whose public methods are not documented either."""

DOCUMENTED = {"_undefined_hint", "_undefined_message", "_undefined_name", "_undefined_obj"}
"""Jinja documents these members of `Undefined` for its subclasses."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def names_defined(tree: ast.AST) -> Iterator[str]:
    """Yield the names of methods, and of the attributes that `self` gets."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(body=body):
                yield from (one.name for one in body if isinstance(one, ast.FunctionDef))
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def names_used(tree: ast.AST) -> Iterator[str]:
    """Yield the names that may be a private member of another module's class: an attribute, an
    overridden method, or an argument that sets an attribute.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.keyword(arg=str(name)):
                yield name


def own_names(tree: ast.AST) -> Iterator[str]:
    """Yield the attributes that a module gives to `self`, and the methods that override none."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(body=body, bases=[]):
                yield from (one.name for one in body if isinstance(one, ast.FunctionDef))
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def imports_from(module: str, tree: ast.AST) -> bool:
    sources = (node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return any(f"{source}.".startswith(f"{module}.") for source in sources)


def test_one_module_extends_the_compiler() -> None:
    extending = []
    for file in files_of("src/keyturn", ".py"):
        if imports_from("jinja2.compiler", ast.parse(file.read_text("utf-8"))):
            extending.append(file.relative_to(CHECKOUT / "src/keyturn").as_posix())
    assert extending == [COMPILER]


def test_no_private_members_of_jinja_are_used() -> None:
    private = set[str]()
    for module in Path(jinja2.__file__).parent.glob("*.py"):
        private.update(names_defined(ast.parse(module.read_text("utf-8"))))
    private = set(filter(is_private, private)) - DOCUMENTED
    used = {}
    for file in files_of("src/keyturn", ".py"):
        tree = ast.parse(file.read_text("utf-8"))
        if not imports_from("jinja2", tree):
            continue
        names = private.intersection(names_used(tree)).difference(own_names(tree))
        if names:
            used[file.relative_to(CHECKOUT / "src/keyturn").as_posix()] = names
    assert not used
