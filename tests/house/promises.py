"""tests/PROMISES.md, the specification of the service, made of the names in tests/spec (`just
reference`).
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SPEC = Path(__file__).parents[1] / "spec"
PAGE = SPEC.parent / "PROMISES.md"
OPENING = """# Promises

This page is for reviewers: each sentence names a test in [spec/](spec/), over HTTP.
`just reference` writes it.
"""
CHAPTERS = {
    "links": "Links and passwords",
    "proofs": "Challenges and codes",
    "sessions": "Signing in",
    "pages": "Pages",
    "mails": "Mails and the worker",
    "webhooks": "Webhooks",
    "http": "Over HTTP",
    "operating": "Operating",
    "": "In the tests of an app",
}


def page() -> str:
    """Return today's page."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield OPENING.rstrip("\n")
    for folder, title in CHAPTERS.items():
        yield f"\n## {title}"
        for file in sorted((SPEC / folder).glob("test_*.py")):
            module = ast.parse(file.read_text("utf-8"))
            subject = (ast.get_docstring(module) or "").partition("\n\n")[0].replace("\n", " ")
            yield f"\n### {subject.rstrip('.')}\n"
            yield from (
                f"* {sentence[0].upper()}{sentence[1:]}." for sentence in _sentences(module)
            )


def _sentences(module: ast.Module) -> Iterator[str]:
    functions = [
        node for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    names = (node.name[5:] for node in functions if node.name.startswith("test_"))
    return (re.sub(r"_s(?=_|$)", "'s", name).replace("_", " ") for name in names)
