"""An edit: the branches of a mail are looked for anew if it may change them, and an edit of its words may not."""

import os
from collections.abc import Mapping
from itertools import count, product
from pathlib import Path

import pytest

from keyturn.studio.gallery.opening import open_gallery

_times = count(1_700_000_000_000_000_000, 1_000_000_000)


def save(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text, "utf-8", newline="")
    moment = next(_times)  # a file that is written twice within a moment of the disk would have one time
    os.utime(folder / file, ns=(moment, moment))


EDITS = (("Hi", "Ho"), ("Hi", ""), ("", "Hi"), ("Hi", "a longer text"), ("Hi", "\nHi\n"), ("{##}Hi", "{#\n#}Hi"))
PARTS = (
    "§",
    "{% if a %}§{% else %}§{% endif %}",
    "{% if a == 'Hi' %}\n§\n{% endif %}",
    "{% set held %}§{% endset %}{% if held == 'Hi' %}§{% endif %}",
    "{% set held %}{% include '_part.html' %}{% endset %}{% if held|trim == 'Hi' %}one{% else %}two{% endif %}",
    "{% macro m(x) %}§{{ x }}{% endmacro %}{% if m('') == 'Hi' %}§{% endif %}{{ m(a) }}",
    "{% from '_macros.html' import around %}{% call around() %}§{% endcall %}",
    "{% import '_macros.html' as macros %}{% if macros.one()|trim == 'Hi' %}§{% endif %}",
    "{% from '_macros.html' import one %}{% set said = one() %}{% if said|length > 4 %}§{% endif %}",
    "{% filter upper %}§{% if a %}§{% endif %}{% endfilter %}",
    "{% for x in list recursive %}{% if loop([]) == 'Hi' %}yes{% endif %}{% else %}§{% endfor %}",
    "{% if self.body()|length > 12 %}long{% else %}short{% endif %}",
    "{{ super() }}",
    "{% set above = super() %}{% if above|trim == 'Hi' %}§{% endif %}",
    "{{ 'one' if super()|trim == 'Hi' else 'two' }}",
    "{% include '_part.html' %}",
    "{% set held %}<mj-include path='./_part.html' />{% endset %}{% if held|trim == 'Hi' %}one{% else %}two{% endif %}",
    "{% import '_part.html' as text %}{% if text|trim == 'Hi' %}§{% endif %}",
    "{% raw %}§{{ no }}{% endraw %}",
)


AROUND = "{% macro around() %}{% if caller() == 'Hi' %}yes{% endif %}{% endmacro %}"
FILES = ("alone", "mail", "layout", "foot", "part", "macro")
_NOT_THERE = {
    "alone": ("super", "self"),
    "mail": ("self",),
    "layout": ("super", "self"),
    "foot": ("super",),
    "part": ("super", "self", "_part.html"),
    "macro": ("super", "self", "_macros.html"),
}


def _files(parts: Mapping[str, str], words: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a mail with all their words: a mail alone, or one whose body is in a layout."""
    texts = {file: parts.get(file, "§").replace("§", words.get(file, "Hi")) for file in FILES}
    in_layout = "{% extends '_layout.html' %}{% block body %}" + texts["mail"] + "{% endblock %}"
    return {
        "mail.html": "<html>" + texts["alone"] + "</html>" if "alone" in parts else in_layout,
        "_layout.html": "<html>{% block body %}" + texts["layout"] + "{% endblock %}" + texts["foot"] + "</html>",
        "_part.html": texts["part"],
        "_macros.html": "{% macro one() %}" + texts["macro"] + "{% endmacro %}" + AROUND,
    }


@pytest.mark.long
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("part", PARTS)
def test_after_any_edit_the_branches_are_those_of_a_new_look(tmp_path: Path, part: str, every: int) -> None:
    places = [place for place in FILES if not any(word in part for word in _NOT_THERE[place])]
    for place, edited, (old, new) in [*product(places, FILES, EDITS)][::every]:  # a seventh has each file and edit
        for file, text in _files({place: part}, {edited: old}).items():
            save(tmp_path, file, text)
        kept = open_gallery(tmp_path, sandboxed=True)
        kept.branches("mail")
        for file, text in _files({place: part}, {edited: new}).items():
            save(tmp_path, file, text)

        anew = open_gallery(tmp_path, sandboxed=True)
        assert kept.branches("mail") == anew.branches("mail"), (place, edited, old, new)
        assert kept.samples("mail") == anew.samples("mail")
