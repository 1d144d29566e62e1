"""A folder with the pictures of changed mails: old, new and overlay, and a page that shows them."""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from keyturn.emails.lint.browser.chromium import Chromium, NotMeasured
from keyturn.emails.snapshots.comparison import Comparison, in_one_line
from keyturn.emails.studio.frames.rewriting import without_network
from keyturn.emails.studio.pages.layout import page_environment
from keyturn.packaging import folder as packaged_folder
from keyturn.plain_files import replace_file

WIDTH = 600
"""Of a mail, in CSS pixels."""

_MOST_LINES = 200
_OWN_FILE = re.compile(r"\d{3,}-(old|new|overlay)\.png")
_OVERLAY_STYLE = """body{margin:0;position:relative;overflow:hidden}img{display:block}
div{position:absolute;box-sizing:border-box;border-radius:4px}
.changed{border:2px solid #1a7f37;box-shadow:0 0 0 3px #2da44e40}
.removed{background:#cf222e;box-shadow:0 0 0 3px #cf222e40}"""
_SPACE = "No text, image or colour differs, only the space between them."
_EQUAL = "The pictures are equal."


class _Picture(NamedTuple):
    """A picture in the folder, or why there is none."""

    file: str = ""
    says: str = ""


def write_changes(folder: Path, revision: str, changes: Sequence[Comparison], chromium: Chromium | None) -> None:
    """Write the page, and a picture of each side that there is; without a browser, the page has the texts alone.

    Pictures of an earlier run are deleted. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if _OWN_FILE.fullmatch(file.name):
            file.unlink()
    mails = [
        (change, _take(folder, number, change, chromium) if chromium else {})
        for number, change in enumerate(changes, 1)
    ]
    counts = Counter(change.state if change.is_comparable else "not comparable" for change in changes)
    page = page_environment(packaged_folder("preview")).get_template("changes.html")
    text = page.render(
        revision=revision,
        mails=mails,
        counts=counts.most_common(),
        has_overlay=any("overlay" in pictures and pictures["overlay"].file for _, pictures in mails),
        most_lines=_MOST_LINES,
    )
    replace_file(folder / "index.html", text.encode("utf-8", "replace"))


def _take(folder: Path, number: int, change: Comparison, chromium: Chromium) -> dict[str, _Picture]:
    """Write the pictures of a mail."""
    sides = {"old": change.before, "new": change.after}
    mails = {kind: without_network(in_one_line(side.html)) for kind, side in sides.items() if side and side.html}
    drawn = {kind: _picture(html, chromium) for kind, html in mails.items()}
    if len(mails) == len(sides):
        drawn["overlay"] = _overlay(mails, drawn, chromium)
    taken: dict[str, _Picture] = {}
    for kind, picture in drawn.items():
        if isinstance(picture, bytes):
            taken[kind] = _Picture(file=f"{number:03}-{kind}.png")
            replace_file(folder / taken[kind].file, picture)
        else:
            taken[kind] = _Picture(says=picture)
    return taken


def _picture(html: str, chromium: Chromium) -> bytes | str:
    try:
        return chromium.picture(html, WIDTH)
    except NotMeasured as reason:
        return f"No picture: {reason}."


def _overlay(mails: Mapping[str, str], drawn: Mapping[str, bytes | str], chromium: Chromium) -> bytes | str:
    """Return the picture of the new mail with marks, or a sentence."""
    new = drawn["new"]
    if isinstance(new, str):
        return new
    if drawn["old"] == new:
        return _EQUAL
    try:
        marks = chromium.differences(mails["old"], mails["new"], WIDTH)
    except NotMeasured as reason:
        return f"No picture: {reason}."
    if not marks:
        return _SPACE
    divs = (
        f'<div class="{kind}" style="top:{top}px;left:{left}px;width:{right - left}px;height:{bottom - top}px"></div>'
        for kind, top, bottom, left, right in marks
    )
    picture = f'<img src="data:image/png;base64,{b64encode(new).decode()}">'
    return _picture(f"<!doctype html><style>{_OVERLAY_STYLE}</style>{picture}{''.join(divs)}", chromium)
