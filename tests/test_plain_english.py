"""What people read is plain English: in a thousand words, at most 4 sentences make a reader stop.

Such a sentence has a word of WORDS, two negations, or more than LONGEST words. A failure lists each with its place.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
MOST = 4
"""Findings in a thousand words."""

LONGEST = 32
"""Words of a sentence."""

WORDS = {
    "name the person": (
        "whoever", "whomever", "nobody", "somebody", "anybody", "everybody", "no one", "those who", "one who",
        "who asks",
    ),
    "name the thing": (
        "that one's", "this one's", "that which", "those that are", "of one's own", "thereof", "thereby", "therein",
        "wherein", "whereby", "whence", "the former", "the latter", "aforementioned",
    ),
    "use the common word": (
        "anew", "hitherto", "henceforth", "meanwhile", "mend", "mends", "mended", "lest", "amongst", "whilst",
        "utilise", "utilize", "leverage", "commence", "endeavour", "in vain", "prior to", "in order to",
        "in the event of", "with regard to", "as to whether", "works off", "worked off", "once more over",
        "by itself alone",
    ),
    "begin with the subject": ("is what", "are what", "is who", "are who", "is told", "are told", "to be had", "be it"),
}  # fmt: skip
_NEGATED_TWICE = r"\b(?:not|never|no|none|cannot|without)\b[^.:;,]{1,40}\b(?:unless|not|without|nothing|nobody|none)\b"
REASONS = {
    **{advice: re.compile(rf"\b(?:{'|'.join(words)})\b") for advice, words in WORDS.items()},
    "negate once": re.compile(_NEGATED_TWICE),
}

AREAS = {
    "src": "src/**/*.py",
    "frontend": "frontend/**/*.js",
    "preview": "preview/**/*.[hj]*",
    "docs": "docs/**/*.md",
    "readme": "README.md",
    "changelog": "CHANGELOG.md",
    "catalogue": "src/keyturn/languages/locales/keyturn.pot",
    "templates": "email_templates/**/*.[hmt]*",
}

_STRING = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'"
_MARKUP = re.compile(r'_\("(?P<prose>(?:[^"\\]|\\.)*)"|>(?P<string>[^<>{}]+)<')
_PARAGRAPH = re.compile(r"(?P<prose>(?:[^\n]+\n?)+)")
KINDS = {
    ".py": re.compile(rf'"""(?P<prose>.*?)"""|(?P<string>{_STRING})|#(?P<comment>[^\n]*)', re.DOTALL),
    ".js": re.compile(rf"/\*(?P<prose>.*?)\*/|(?P<string>{_STRING})|(?<!:)//(?P<comment>[^\n]*)", re.DOTALL),
    ".pot": re.compile(r'^msgid(?:_plural)? (?P<prose>(?:"[^\n]*"\n?)+)', re.MULTILINE),
    ".html": _MARKUP, ".mjml": _MARKUP, ".txt": _MARKUP, ".md": _PARAGRAPH,
}  # fmt: skip
_NO_PROSE = re.compile(r"```.*?```|<(script|style|mj-style)\b.*?</\1>|<picture>.*?</picture>|<!--.*?-->", re.DOTALL)
_SPOKEN = re.compile(r"[`A-Za-z{(][^<>=\\]*(?:\s[^<>=\\\s]+){3,}")
"""A string of four words or more, without the signs of SQL, markup and patterns."""

_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`\"'(])|\s*\|\s*|\n\s*(?:[*-]|\d+\.)\s|\n\s*\n")
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
_NAMES = re.compile(r"\]\([^)]*\)|\bhttps?://\S+|`[^`]*`|\{[^{}]*\}|\"\n\s*\"")
"""Links, code and placeholders, which are not read as words."""


def sentences_in(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each sentence that people read: in comments, strings, paragraphs and messages."""
    text = _NO_PROSE.sub(lambda gone: "\n" * gone[0].count("\n"), file.read_text("utf-8"))
    line, seen = 1, 0
    for found in KINDS[file.suffix].finditer(text):
        line, seen = line + text.count("\n", seen, found.start()), found.start()
        kept = found.groupdict(default="")
        string = kept.get("string", "").strip("\"'").strip()
        prose = kept.get("prose") or kept.get("comment") or (string if _SPOKEN.fullmatch(string) else "")
        for sentence in _END.split(_NAMES.sub(" ", prose)):
            if sentence:
                yield line, " ".join(sentence.split())


def stops_in(files: Iterable[Path]) -> tuple[int, list[str]]:
    """Return the number of words, and a line for each sentence that makes a reader stop, with the reason."""
    count, stops = 0, []
    for file in files:
        for line, sentence in sentences_in(file):
            words, plain = len(_WORD.findall(sentence)), sentence.lower()
            count += words
            reasons = [advice for advice, pattern in REASONS.items() if pattern.search(plain)]
            reasons += [f"{words} words"] * (words > LONGEST)
            stops += [f"{file}:{line}: {reason}: {sentence[:160]}" for reason in reasons]
    return count, stops


@pytest.mark.parametrize("area", AREAS)
def test_of_a_thousand_words_at_most_four_sentences_make_a_reader_stop(area: str) -> None:
    found = sorted(CHECKOUT.glob(AREAS[area]))
    count, stops = stops_in(file for file in found if file.suffix in KINDS and "vendored" not in file.parts)

    assert count > 500
    assert len(stops) * 1000 <= MOST * count, "\n".join([f"{len(stops)} in {count} words", *stops])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", 'def f():\n    """Does it for {}."""'),
        ("b.py", "x = 1\ny = 2  # it is for {}"),
        ("c.py", 'x = (\n    "tell this to {} at all")'),
        ("d.js", "a()\n/* It is for {} */"),
        ("e.js", "a()\n// It is for {}"),
        ("f.md", "# Head\nIt is for {}"),
        ("g.md", "| a |\n| for {} |"),
        ("h.html", "<h1>Head</h1>\n<p>Show it to {}</p>"),
        ("i.mjml", '<mj-text>\n{{{{ _("Show it to {}") }}}}</mj-text>'),
        ("j.txt", 'Hello,\n{{{{ _("Show it to {}") }}}}'),
        ("k.pot", '\nmsgid "Show it to {}"'),
    ],
)
def test_a_stop_is_named_with_its_line_and_its_reason(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text.format("nobody"), "utf-8")
    _, stops = stops_in([file])
    file.write_text(text.format("a user"), "utf-8")

    assert [stop.partition(f"{name}:")[2].split(": ")[1] for stop in stops] == ["name the person"]
    assert stops_in([file])[1] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It starts anew.", "use the common word"),
        ("The outcome is what the worker wrote.", "begin with the subject"),
        ("It does not end without a key.", "negate once"),
        ("Those that are old go.", "name the thing"),
        ("word " * (LONGEST + 1), f"{LONGEST + 1} words"),
        ("```\nnobody\n```\n", ""),
        ("See [it](https://nobody.example).", ""),
    ],
)
def test_each_reason_is_found_in_prose_and_not_in_code(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "page.md").write_text(text, "utf-8")
    assert [stop.split(": ")[1] for stop in stops_in([tmp_path / "page.md"])[1]] == [reason] * bool(reason)
