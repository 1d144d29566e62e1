"""The private members of Jinja that Keyturn uses. Each may change in a patch release of Jinja."""

import ast
from collections.abc import Iterator
from pathlib import Path

import jinja2
from tests.house.checkout import CHECKOUT, files_of

USED = {
    "studio/gallery/environments.py": {"_compile", "_parse"},
    "studio/gallery/sandbox.py": {"_generate", "_load_template"},
    "studio/gallery/variables/recorded_rendering.py": {"_parse"},
    "studio/lint/source/origins.py": {
        "_import_common",
        "_make_finalize",
        "_output_child_post",
        "_output_child_pre",
    },
    "studio/lint/source/tolerant_parsing.py": {"_load_template", "_parse"},
    "studio/lint/source/traced_text.py": {"_context", "_depth", "_func", "_invoke", "_stack"},
}
"""By file. Find another way instead of adding one."""

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


def imports_jinja(tree: ast.AST) -> bool:
    sources = (node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return any(source.partition(".")[0] == "jinja2" for source in sources)


def test_no_other_private_members_of_jinja_are_used() -> None:
    private = set[str]()
    for module in Path(jinja2.__file__).parent.glob("*.py"):
        private.update(names_defined(ast.parse(module.read_text("utf-8"))))
    private = set(filter(is_private, private)) - DOCUMENTED
    used = {}
    for file in files_of("src/keyturn", ".py"):
        tree = ast.parse(file.read_text("utf-8"))
        if not imports_jinja(tree):
            continue
        names = private.intersection(names_used(tree)).difference(own_names(tree))
        if names:
            used[file.relative_to(CHECKOUT / "src/keyturn").as_posix()] = names
    assert used == USED
