"""The codes in a mail that its reader has to type, for tests of sign-ins by mail.

A number is a code if a word of its sentence announces one. If the number begins a line, one of the
three lines above may announce it; if it is alone on its line, the line below may, too. A number
that another word names (an order, a customer), a date, a price and a phone number are no codes.
"""

import re
import tomllib
from collections.abc import Iterator
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

_READ = 64 * 1024  # characters that are searched for codes

_MOST = 20
_BESIDE, _WRAPPED = 3, 20
"""Lines below an announcement in which a code may begin a line; characters before a code in the
line right below.
"""

_BEFORE, _AFTER, _NAMED = 120, 60, 30
"""Characters between a code and the word before or after it that announces it, and between a word
and its number.
"""

_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PLAIN = {
    0xA0: " ",
    0x202F: " ",
    0x2009: " ",
    0x3000: " ",
    0x2010: "-",
    0x2011: "-",
    0xFF1A: ":",
    0xFF0D: "-",
}
_DIGIT_IN_A_CELL = re.compile(r"(?<=\d)(?<!\d\d)\t(?=\d(?!\d))")
_NUMBER_IN_A_LIST = re.compile(r"^[ >]*+\d{1,2}[.)] ", re.MULTILINE)
_LIST = re.compile(
    r"\s*+(?:[,/&]|and|or|und|oder|et|ou|y|o|e|og|eller|och|ja|tai|i|lub|a|и|или|та|або|ve|veya|و)?\s*+"
)
_AROUND = " \t*_\"'`“”„«»()[]<>:.,-–—=>#|"
_BREAK = re.compile(r"[|•·\t\n]")
_END = re.compile(r"[.!?؟।…;]['\")]?(?=\s)|[。！？]")
_APART = re.compile(r"[,،、，\d_]")
_ENDED = re.compile(r"[.!?؟।…。！？,،，;]['\")*]*\Z")

_WORDS = {
    kind: "|".join(words)
    for kind, words in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
"""The words in codes.toml. `other` are words for other numbers."""

_NONE = re.compile(_WORDS["none"])
_SIGN_IN, _DISCOUNT, _OTHER, _CODE, _PASSWORD, _TO_TYPE = (
    re.compile(_WORDS[kind], re.IGNORECASE)
    for kind in ("sign_in", "discount", "other", "code", "password", "to_type")
)
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.,/@#&=%+-])(?<!\d:)(?:[A-Z]-(?=\d{4}))?(?P<number>"
    r"(?:\d{3}[ -]\d{3}(?:[ -]\d{3})?|\d\d(?:[ -]\d\d){2,3}|\d{4}[ -]\d{4}|\d{4,9}|\d(?: "
    r"\d){3,7})(?![ -]\d)"
    r"|[A-Z]{2,4}-\d{4,8}|(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{5,10}"
    r"|(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{4}(?!-)"
    r"|[A-Z0-9]{3}(?:-[A-Z0-9]{3}){1,3}|[A-Z0-9]{4}(?:-[A-Z0-9]{4}){1,3}|[A-Z0-9]{5}(?:-[A-Z0-9]{5}){1,3}"
    r")(?![A-Za-z0-9_/@]|[.,:]\d|-\w)"
)
_SHORT = re.compile(r"(?=\d*[A-Z])[A-Z0-9]{4}")
"""A code of four letters and digits.

Shorter words than the others look like it, so it counts alone on its line.
"""

_KINDS = (_OTHER, _CODE, _TO_TYPE, _PASSWORD, _NUMBER, _END)


class _Line(NamedTuple):
    """A line with its codes.

    `number`: the first that nothing names or announces. `begins`, `is_alone`: where it is in the
    line. `behind`: the character behind it: a capital begins a name, as behind a postcode.
    `announces`: the kind of the word that still waits for a code, or an empty text.
    `goes_on`: the last character, if the last sentence announces and does not end here.
    `names`: a word for another number stands in it, and its last sentence does not end here.
    """

    codes: list[str]
    number: re.Match[str] | None
    begins: bool
    is_alone: bool
    behind: str
    announces: str
    goes_on: str
    names: bool


def _read(text: str) -> _Line:
    """Read a line word by word."""
    codes: list[str] = []
    free: list[re.Match[str]] = []
    ended = 0  # how many of these are of earlier sentences
    waits = named = (
        listed
    ) = -1  # the end of a word that announces, of a word for another number, and of a code
    announces, is_offer = "", _DISCOUNT.search(text) is not None
    for token in _tokens(text):
        at = token.start()
        if token.re is _OTHER:
            named = token.end()
        elif token.re is _END:
            waits, listed, ended = -1, -1, len(free)
        elif is_offer:
            continue
        elif token.re is not _NUMBER:
            named = -1
            if len(free) > ended and at - free[-1].end() <= _AFTER:
                codes.append(_typed(free.pop()))
            else:
                waits = token.end()
                announces = "password" if token.re is _PASSWORD and announces != "code" else "code"
        elif 0 <= named >= at - _NAMED and not _APART.search(text, named, at):
            named = -1
        elif 0 <= waits >= at - _BEFORE or (listed >= 0 and _LIST.fullmatch(text, listed, at)):
            codes.append(_typed(token))
            waits, listed, announces = -1, token.end(), ""
        else:
            free.append(token)
    above, behind = (
        (text[: free[0].start()].strip(_AROUND), text[free[0].end() :]) if free else (text, "")
    )
    is_alone = not above and len(free) == 1 and not behind.strip(_AROUND)
    last = "" if _ENDED.search(text.rstrip()) else text.rstrip()[-1:]
    names, goes_on = bool(last) and _OTHER.search(text) is not None, last if waits >= 0 else ""
    return _Line(
        codes,
        next(iter(free), None),
        not above,
        is_alone,
        behind.lstrip()[:1],
        announces,
        goes_on,
        names,
    )


def codes_of(subject: str, text: str) -> list[str]:
    """Return the codes as they are typed, digits without separators, the likeliest first.

    The time is linear.
    """
    words = _UNSEEN.sub("", f"{subject}\n\n{text}"[:_READ]).translate(_PLAIN)
    words = _NUMBER_IN_A_LIST.sub("", _DIGIT_IN_A_CELL.sub(" ", words))
    words = _NONE.sub(
        lambda found: "\n".join("_" * len(line) for line in found[0].split("\n")), words
    )
    found, below, firsts = list[str](), list[str](), set[str]()
    announced, goes_on, away = "", "", 0
    lines = [*map(_read, _lines(words))]
    for at, (line, next_line) in enumerate(zip_longest(lines, lines[1:])):
        found += line.codes
        if line.number and line.begins and not line.behind.isalpha():
            firsts.add(_typed(line.number))
        is_code = bool(
            line.number and not line.codes and _is_announced(line, announced, goes_on, next_line)
        )
        if line.number and is_code:
            below.append(_typed(line.number))
        if line.announces:
            announced, away = line.announces, 0
        elif is_code and line.is_alone:  # others may follow
            continue
        elif line.number or line.codes or line.names or away == _BESIDE:
            announced = ""
        in_subject = at == 0 and subject.strip()  # it is no part of the text's first sentence
        goes_on, away = "" if in_subject or not line.announces else line.goes_on, away + 1
    found += below
    if (
        not found
        and len(firsts) == 1
        and any(kind.search(subject) for kind in (_SIGN_IN, _CODE, _PASSWORD))
    ):
        found = [*firsts]
    return [*dict.fromkeys(found)][:_MOST]


def _is_announced(line: _Line, announced: str, goes_on: str, next_line: _Line | None) -> bool:
    """Tell whether the lines above a number announce it, or the line right below."""
    if line.is_alone:
        return bool(announced or (next_line and next_line.announces))
    assert line.number
    near = (announced == "code" and line.begins) or (goes_on and line.number.start() <= _WRAPPED)
    return bool(near) and (goes_on == ":" or not line.behind.isupper())


def _lines(words: str) -> Iterator[str]:
    """Yield lines and cells, each joined with those that continue its sentence.

    A line that begins with a word for a code does not continue one that ends with a digit.
    """
    sentence: list[str] = []
    for line in _BREAK.split(words):
        if sentence and _begins_anew(line.lstrip(), sentence[-1].rstrip()):
            yield " ".join(sentence).rstrip()
            sentence = []
        if sentence or line.strip():
            sentence.append(line)
    if sentence:
        yield " ".join(sentence)


def _begins_anew(line: str, above: str) -> bool:
    """Tell whether a line does not continue the sentence of the line above."""
    is_word_behind_number = above[-1].isdigit() and (_CODE.match(line) or _PASSWORD.match(line))
    return (
        not line[:1].islower()
        or bool(_ENDED.search(above[-_WRAPPED:]))
        or bool(is_word_behind_number)
    )


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the words, numbers and ends of sentences, in their order.

    A token within another is left out.
    """
    end = 0
    line = text.strip(_AROUND)
    found = (
        (token.start(), order, token)
        for order, kind in enumerate(_KINDS)
        for token in kind.finditer(text)
    )
    for start, _, token in sorted(found, key=itemgetter(0, 1)):
        is_part_of_line = line != token[0]
        if start < end or (
            token.re is _NUMBER and is_part_of_line and _SHORT.fullmatch(token["number"])
        ):
            continue
        end = token.end()
        yield token


def _typed(number: re.Match[str]) -> str:
    """Return a code as it is typed: digits of any script without separators."""
    code = number["number"]
    return (
        code
        if re.search("[A-Za-z]", code)
        else "".join(str(int(sign)) for sign in code if sign.isdecimal())
    )
