"""Folders of templates: those of other teams, some with files, links, pipes and sockets, and what
is found in them.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.finding import Finding
from keyturn.studio.lint.gallery_checks import check_gallery

FOLDERS = Path(__file__).parent / "gallery" / "folders"


def written(folder: Path, files: Mapping[str, str], encoding: str = "utf-8") -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding)
    return folder


def found_in(folder: Path, files: Mapping[str, str], *rules: str) -> list[Finding]:
    """Write files into a folder, and return what the checks find in it; `rules`: the beginnings of
    their names.
    """
    return [
        one
        for one in check_gallery(open_gallery(written(folder, files))).found
        if one.rule.startswith(rules or "")
    ]


def make(folder: Path, tree: dict[bytes, bytes | str]) -> None:
    for name, thing in tree.items():
        place = folder / os.fsdecode(name)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            make_one(place, thing)
        except OSError:  # the name is taken by a file, or goes through one
            continue


def make_one(place: Path, thing: bytes | str) -> None:
    match thing:
        case bytes():
            place.write_bytes(thing)
        case "pipe":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as here:
                here.bind(os.fsencode(place))
        case "folder":
            place.mkdir()
        case "unreadable":
            place.write_bytes(b"<p>Hello</p>")
            place.chmod(0)
        case _:
            leads = {"loop": place.name, "nowhere": "/none", "device": "/dev/zero", "root": "/"}
            place.symlink_to(leads[thing])
