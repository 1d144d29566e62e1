"""Names of attachments, made safe to save a file under."""

import mimetypes
import re

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"*/:<>?\\|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
_LONGEST = 120


def safe_file_name(name: str, number: int, content_type: str) -> str:
    """Return a name without folders, control characters and those that turn the reading direction.

    The last make "exe.gpj" of "jpg.exe" (OWASP File Upload Cheat Sheet, "Filename Sanitization"). `number` and
    `content_type` make up the name of a part that has none.
    """
    plain = _UNSAFE.sub("-", re.split(r"[/\\]", name)[-1]).strip(" .-")
    if not plain:
        plain = f"part-{number}{mimetypes.guess_extension(content_type) or ''}"
    stem, dot, ending = plain.rpartition(".")
    if len(plain) <= _LONGEST:
        return plain
    return f"{stem[: _LONGEST - len(ending) - 1]}.{ending}" if dot and len(ending) < 10 else plain[:_LONGEST]
