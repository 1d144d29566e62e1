"""What Jinja runs of a file: its tags and their lines.

The values and the branches of a mail do not depend on the text around its tags. So a new word needs no new search.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

from jinja2 import Environment

from keyturn.studio.gallery.environments import parse_template

_HOLDING = frozenset({"call", "endset", "macro", "recursive"})
"""Words of tags that hold text, which a condition may ask about. `endset` ends the `set` that does."""

_REACHING = frozenset({"block", "extends", "include"})
"""Words of tags behind which there is text of other files."""


def program_of(environment: Environment, source: str, file: str) -> bytes | None:
    """Return a digest of the program of a file, or None if text of other files may be a part of it.

    If the file holds text, all of its text counts. Raises TemplateSyntaxError.
    """
    parse_template(environment, source, file)  # checks go on after a fault, and read the text for it
    tagged = environment.preprocess(source, file)  # <mj-include> becomes a tag
    tokens = [token for token in environment.lex(tagged) if token[1] not in ("comment", "whitespace")]
    words = [value for _, _, value in tokens]
    is_holding = not _HOLDING.isdisjoint(words)
    if _reads_text(words) or (is_holding and not _REACHING.isdisjoint(words)):
        return None
    parts = (f"{line} {_lines_with_text(value) if kind == 'data' else value}" for line, kind, value in tokens)
    program = source if is_holding else "\0".join(parts)
    return hashlib.sha256(program.encode(errors="surrogatepass")).digest()


def _reads_text(words: Sequence[str]) -> bool:
    """Tell whether an expression may read the text of a block or an imported file. `{{ super() }}` only prints it."""
    printed = "\0".join(words).count("{{\0super\0(\0)\0}}")
    modules = {name for before, name in pairwise(words) if before == "as"}
    triples = zip(words, words[1:], words[2:], strict=False)
    read = {word for before, word, after in triples if before != "as" and after != "."}
    return "self" in words or words.count("super") > printed or not modules.isdisjoint(read)


def _lines_with_text(text: str) -> str:
    return "\n".join("x" if line.strip() else "" for line in text.split("\n"))
