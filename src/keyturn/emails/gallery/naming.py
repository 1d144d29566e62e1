"""Names of files: the name of a mail, the files that belong to it, and shared files."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import PurePosixPath

from keyturn.mail.rendering.folders import plain_name

_SHARED_FOLDER = re.compile(
    r"(?:base|block|component|fragment|include|layout|macro|partial|snippet)s?|common|shared", re.IGNORECASE
)
_BODY = re.compile(r"[_-](?:body|email|mail|message)$")
"""Endings of the body's name beside `..._subject.txt` in Django's apps."""

_ITS_FOLDERS_OWN = frozenset({"index", "template", "email", "mail", "message", "html", "body", "content"})
"""Generic names of files: the mail is named after its folder."""


@cache
def is_shared(file: str) -> bool:
    *folders, name = PurePosixPath(file).parts
    return name.startswith("_") or any(one.startswith("_") or _SHARED_FOLDER.fullmatch(one) for one in folders)


@cache
def ending_of(file: str) -> str:
    return PurePosixPath(plain_name(file)).suffix.lower()


@cache
def stem_of(file: str) -> str:
    return PurePosixPath(plain_name(file)).with_suffix("").as_posix()


@cache
def name_of(file: str) -> str:
    """Return the name of a mail: its path, or its folder if that is a folder of its own."""
    stem = PurePosixPath(stem_of(file))
    if stem.parent.name and (stem.name == stem.parent.name or stem.name in _ITS_FOLDERS_OWN):
        return stem.parent.as_posix()
    return stem.as_posix()


def files_meant_by(name: str, by: str) -> Iterator[str]:
    """Return the files that a template may mean by a name, the likeliest first.

    A name is relative to the folder or to the template. The app's own loader may also start in a folder below or above:
    "base.html" is then "templates/base.html" here, or "emails/base.html" there.
    """
    parts = PurePosixPath(name).parts
    from_above = (os.path.normpath(above / name) for above in PurePosixPath(by).parents)
    shorter = ("/".join(parts[start:]) for start in range(1, len(parts)))
    return (file for file in chain((name,), from_above, shorter) if not file.startswith(("/", "..")))


def by_plain_name(files: Iterable[str]) -> Mapping[str, str]:
    """Return files by their names without a template's ending, for `text_part` and `subject`."""
    return {plain_name(file): file for file in files}


def text_part(file: str, files: Mapping[str, str]) -> str:
    stem, name = stem_of(file), name_of(file)
    wanted = [stem, f"{stem}.text", f"{stem}_text", f"{stem}_txt"]
    if stem != name:  # in a folder of its own
        wanted += [f"{name}/{own}" for own in (PurePosixPath(name).name, "text", "plain", "body", "txt")]
    parts = PurePosixPath(stem).parts
    wanted += [
        "/".join((*parts[:at], other, *parts[at + 1 :]))
        for at, part in enumerate(parts[:-1])
        if part in ("html", "mjml")
        for other in ("text", "txt", "plain")
    ]
    return _first_file(wanted, (".txt", ".text"), files)


def subject(file: str, files: Mapping[str, str]) -> str:
    stem, name = stem_of(file), name_of(file)
    wanted = [f"{stem}.subject", f"{stem}_subject", f"{stem}-subject", *([f"{name}/subject"] if stem != name else [])]
    wanted += [f"{_BODY.sub('', stem)}_subject"]
    return _first_file(wanted, (".txt", ".text"), files) or _first_file([stem], (".subject",), files)


def _first_file(stems: Iterable[str], endings: Sequence[str], files: Mapping[str, str]) -> str:
    return next((files[f"{stem}{end}"] for stem in stems for end in endings if f"{stem}{end}" in files), "")
