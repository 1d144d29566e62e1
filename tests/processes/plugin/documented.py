"""What docs/plugin.md shows, as code to run."""

import re
from functools import cache
from pathlib import Path

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@cache
def block(language: str, beginning: str) -> str:
    """Return the one block in that language that begins so."""
    text = (Path(__file__).parents[3] / "docs" / "plugin.md").read_text("utf-8")
    (found,) = (code for kind, code in _BLOCK.findall(text) if kind == language and code.startswith(beginning))
    return str(found)
