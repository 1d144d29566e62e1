"""A folder with the pictures of changed mails: old, new and overlay, and a page that shows them."""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from keyturn.emails.lint.browser.chromium import Chromium, NotMeasured
from keyturn.emails.snapshots.comparison import Comparison, in_one_line
from keyturn.emails.snapshots.difference import Difference
from keyturn.emails.studio.frames.rewriting import without_network
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

_STYLE = """body{margin:0;position:relative;overflow:hidden}img{display:block}
div{position:absolute;box-sizing:border-box}
.changed{border:2px solid #1a7f37;background:#2da44e2b}.removed{border-block:3px solid #cf222e;background:#cf222e2b}"""

_STYLE = """:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:80rem}
h1{font-size:1.5rem;margin-bottom:0}
nav ul{padding:0;list-style:none;columns:20rem}a{color:inherit}
h2{font-size:1.125rem;margin:2.5rem 0 .5rem;overflow-wrap:anywhere}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr));gap:1rem}
figure{margin:0}figcaption,.fact{color:light-dark(#57534e,#a8a29e)}
img{display:block;max-width:100%;border:1px solid light-dark(#d6d3d1,#57534e);background:#fff}
pre{overflow:auto;padding:.75rem;border:1px solid light-dark(#d6d3d1,#57534e);font-size:.8125rem}
del,ins{display:block;text-decoration:none}
del{color:light-dark(#b91c1c,#fca5a5)}ins{color:light-dark(#15803d,#86efac)}"""


def write_changes(folder: Path, revision: str, changes: Sequence[Comparison], chromium: Chromium | None) -> None:
    """Write the page, and a picture of each side that there is; without a browser, the page has the texts alone.

    Pictures of an earlier run are deleted. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if _OWN_FILE.fullmatch(file.name):
            file.unlink()
    mails = [
        _as_html(number, change, _take(folder, number, change, chromium) if chromium else {})
        for number, change in enumerate(changes, 1)
    ]
    title = f"Mails that changed since {revision}"
    replace_file(folder / "index.html", "\n".join(_page(title, changes, mails)).encode("utf-8", "replace"))


def _take(folder: Path, number: int, change: Comparison, chromium: Chromium) -> dict[str, str]:
    """Write the pictures of a mail. Returns for each its file, or why there is none."""
    sides = {"old": change.before, "new": change.after}
    mails = {kind: without_network(in_one_line(side.html)) for kind, side in sides.items() if side and side.html}
    drawn = {kind: _picture(html, chromium) for kind, html in mails.items()}
    if len(mails) == len(sides):
        drawn["overlay"] = _overlay(mails, drawn, chromium)
    taken: dict[str, str] = {}
    for kind, picture in drawn.items():
        taken[kind] = picture if isinstance(picture, str) else f"{number:03}-{kind}.png"
        if isinstance(picture, bytes):
            replace_file(folder / taken[kind], picture)
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


def _page(title: str, changes: Sequence[Comparison], mails: Sequence[str]) -> Iterator[str]:
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
    if changes:
        counts = Counter(change.state if change.is_comparable else "not comparable" for change in changes)
        yield f"<p>{', '.join(f'{count} {state}' for state, count in counts.most_common())}.</p><nav><ul>"
        for number, change in enumerate(changes, 1):
            yield f'<li><a href="#mail-{number}">{escape(str(change.name))}</a> <span class=fact>{change.state}</span>'
        yield "</ul></nav>"
        if any("overlay.png" in mail for mail in mails):
            yield "<p class=fact>In an overlay, green boxes mark what is new or changed, red lines what is gone.</p>"
    yield from mails or ["<p>No mail changed.</p>"]
    yield "</body></html>\n"


_CAPTIONS = {"old": "before", "new": "after", "overlay": "overlay"}


def _as_html(number: int, change: Comparison, pictures: dict[str, str]) -> str:
    name = escape(str(change.name))
    parts = [f'<section id="mail-{number}"><h2>{name}</h2><p class=fact>{change.state}</p>']
    faults = {"Before": change.fault_before, "Now": change.fault}
    parts += [f"<p>{when}: {escape(str(fault))}</p>" for when, fault in faults.items() if fault]
    parts.append('<div class="pictures">')
    for kind, shown in pictures.items():
        is_file = _OWN_FILE.fullmatch(shown)
        caption = _CAPTIONS[kind]
        picture = f'<a href="{shown}"><img src="{shown}" alt="{caption}: {name}"></a>' if is_file else escape(shown)
        parts.append(f"<figure><figcaption>{caption}</figcaption>{picture}</figure>")
    parts.append("</div>")
    for part, difference in {"Subject": change.subject, "Text": change.text, "HTML": change.html}.items():
        if difference.added or difference.removed:
            counts = f"+{difference.added} −{difference.removed}"
            opened = "" if part == "HTML" and pictures else " open"
            parts.append(
                f"<details{opened}><summary>{part} {counts}</summary><pre>{_lines(difference)}</pre></details>"
            )
    return "\n".join([*parts, "</section>"])


def _lines(difference: Difference) -> str:
    changed = [line for line in difference.lines if line.kind != "same"]
    shown = []
    for line in changed[:_MOST_LINES]:
        sign, tag = ("-", "del") if line.kind == "old" else ("+", "ins")
        shown.append(f"<{tag}>{sign} {escape(''.join(piece.text for piece in line.pieces))}</{tag}>")
    left = len(changed) - _MOST_LINES
    return "".join(shown) + (f"and {left} more lines" if left > 0 else "")
