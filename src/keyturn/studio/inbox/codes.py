"""The codes in a mail that its reader has to type, for tests of sign-ins by mail.

A number is a code if a word of its sentence announces one. If the number begins a line, one of the
three lines above may announce it; if it is alone on its line, the line below may, too. A number
that another word names (an order, a customer), a date, a price and a phone number are no codes.
"""

import re
import tomllib
from collections.abc import Iterator
from itertools import zip_longest
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

_READ = 64 * 1024  # characters that are searched for codes

_MOST = 20
_BESIDE = 3  # lines below an announcement in which a code may begin a line
_WRAPPED = 20  # characters before a code in the line right below
_BEFORE = 120  # characters between a word and the code that it announces
_AFTER = 60  # characters between a code and the word behind it that announces it
_NAMED = 30  # characters between a word for another number and that number

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
    r"\s*+(?:[,/&]|and|or|und|oder|et|ou|y|o|e|og|eller|och|ja|tai|i|lub|a|и|или|та|або|ve|veya|و)?"
    r"\s*+"
)
_AROUND = " \t*_\"'`“”„«»()[]<>:.,-–—=>#|"
_BREAK = re.compile(r"[|•·\t\n]")
_END = re.compile(r"[.!?؟।…;]['\")]?(?=\s)|[。！？]")
_APART = re.compile(r"[,،、，\d_]")
_ENDED = re.compile(r"[.!?؟।…。！？,،，;]['\")*]*\Z")

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def _any_word(kind: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """Return the pattern of the words of a kind in codes.toml."""
    return re.compile("|".join(_WORDS[kind]), flags)


_NONE = _any_word("none", re.NOFLAG)
_SIGN_IN = _any_word("sign_in")
_DISCOUNT = _any_word("discount")
_OTHER = _any_word("other")  # words for other numbers
_CODE = _any_word("code")
_PASSWORD = _any_word("password")
_TO_TYPE = _any_word("to_type")
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.,/@#&=%+-])(?<!\d:)(?:[A-Z]-(?=\d{4}))?(?P<number>"
    r"(?:\d{3}[ -]\d{3}(?:[ -]\d{3})?|\d\d(?:[ -]\d\d){2,3}|\d{4}[ -]\d{4}|\d{4,9}|\d(?: "
    r"\d){3,7})(?![ -]\d)"
    r"|[A-Z]{2,4}-\d{4,8}|(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{5,10}"
    r"|(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{4}(?!-)"
    r"|[A-Z0-9]{3}(?:-[A-Z0-9]{3}){1,3}|[A-Z0-9]{4}(?:-[A-Z0-9]{4}){1,3}"
    r"|[A-Z0-9]{5}(?:-[A-Z0-9]{5}){1,3}"
    r")(?![A-Za-z0-9_/@]|[.,:]\d|-\w)"
)
_SHORT = re.compile(r"(?=\d*[A-Z])[A-Z0-9]{4}")
"""A code of four letters and digits.

Shorter words than the others look like it, so it counts alone on its line.
"""

_KINDS = (_OTHER, _CODE, _TO_TYPE, _PASSWORD, _NUMBER, _END)


def codes_of(subject: str, text: str) -> list[str]:
    """Return the codes as they are typed, digits without separators, the likeliest first.

    The time is linear.
    """
    words = _plain(f"{subject}\n\n{text}"[:_READ])
    lines = [_LineReader(line).read() for line in _lines(words)]
    found: list[str] = []
    below: list[str] = []  # announced by another line
    firsts: set[str] = set()
    above = _LinesAbove()
    announces_below = map(attrgetter("announces"), lines[1:])
    for at, (line, below_it) in enumerate(zip_longest(lines, announces_below)):
        found += line.codes
        if line.first:
            firsts.add(line.first)
        code = above.announced(line, below_it)
        if code:
            below.append(_typed(code))
        above.add(line, is_code=code is not None)
        if at == 0 and subject.strip():  # it is no part of the text's first sentence
            above.goes_on = ""
    found += below
    if not found and len(firsts) == 1 and _is_about_codes(subject):
        found = [*firsts]
    return [*dict.fromkeys(found)][:_MOST]


def _plain(text: str) -> str:
    """Return the text with plain blanks and hyphens, and without what looks like a code but is
    none.
    """
    text = _UNSEEN.sub("", text).translate(_PLAIN)
    text = _DIGIT_IN_A_CELL.sub(" ", text)
    text = _NUMBER_IN_A_LIST.sub("", text)
    return _NONE.sub(_blank_out, text)


def _blank_out(found: re.Match[str]) -> str:
    return "\n".join("_" * len(line) for line in found[0].split("\n"))


def _is_about_codes(subject: str) -> bool:
    return any(kind.search(subject) for kind in (_SIGN_IN, _CODE, _PASSWORD))


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

    @property
    def first(self) -> str:
        """The number at its beginning, unless a letter follows; else empty."""
        if self.number and self.begins and not self.behind.isalpha():
            return _typed(self.number)
        return ""


class _LinesAbove:
    """What the lines above announce.

    `kind`: "code" or "password"; empty for nothing. `away`: the lines since.
    `goes_on`: the last character of the line right above, if its sentence announces and goes on.
    """

    def __init__(self) -> None:
        self.kind = ""
        self.goes_on = ""
        self.away = 0

    def announced(self, line: _Line, below_it: str | None) -> re.Match[str] | None:
        """Return the number of a line, if these lines announce it, or the line right below does.

        `below_it`: what that line announces.
        """
        number = line.number
        if number is None or line.codes:
            return None
        if line.is_alone:
            return number if self.kind or below_it else None
        is_below = self.kind == "code" and line.begins
        is_wrapped = self.goes_on and number.start() <= _WRAPPED
        begins_name = line.behind.isupper() and self.goes_on != ":"
        if (is_below or is_wrapped) and not begins_name:
            return number
        return None

    def add(self, line: _Line, *, is_code: bool) -> None:
        """Go on below a line. `is_code`: its number is a code."""
        if line.announces:
            self.kind = line.announces
            self.away = 0
        elif is_code and line.is_alone:  # others may follow
            return
        elif line.number or line.codes or line.names or self.away == _BESIDE:
            self.kind = ""
        self.goes_on = line.goes_on
        self.away += 1


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
    if not line[:1].islower() or _ENDED.search(above[-_WRAPPED:]):
        return True
    return above[-1].isdigit() and bool(_CODE.match(line) or _PASSWORD.match(line))


class _LineReader:
    """Reads a line word by word.

    `_free`: the numbers that nothing names or announces. `_ended`: how many of these are in earlier
    sentences.
    `_waits`, `_named`, `_listed`: where a word that announces, a word for another number, and a
    code ended, as long as they count.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._codes: list[str] = []
        self._free: list[re.Match[str]] = []
        self._ended = 0
        self._announces = ""
        self._waits: int | None = None
        self._named: int | None = None
        self._listed: int | None = None

    def read(self) -> _Line:
        is_offer = _DISCOUNT.search(self._text) is not None
        for token in _tokens(self._text):
            if token.re is _OTHER:
                self._named = token.end()
            elif token.re is _END:
                self._waits = None
                self._listed = None
                self._ended = len(self._free)
            elif is_offer:
                continue
            elif token.re is _NUMBER:
                self._read_number(token)
            else:
                self._read_announcement(token)
        return self._line()

    def _read_number(self, number: re.Match[str]) -> None:
        if self._is_named(number.start()):
            self._named = None
        elif self._is_announced(number.start()):
            self._codes.append(_typed(number))
            self._waits = None
            self._listed = number.end()
            self._announces = ""
        else:
            self._free.append(number)

    def _is_named(self, at: int) -> bool:
        named = self._named
        if named is None or named < at - _NAMED:
            return False
        return _APART.search(self._text, named, at) is None

    def _is_announced(self, at: int) -> bool:
        if self._waits is not None and self._waits >= at - _BEFORE:
            return True
        if self._listed is None:
            return False
        return _LIST.fullmatch(self._text, self._listed, at) is not None

    def _read_announcement(self, word: re.Match[str]) -> None:
        """Take the number before a word as the code that it announces, or else wait for one."""
        self._named = None
        has_number = len(self._free) > self._ended
        if has_number and word.start() - self._free[-1].end() <= _AFTER:
            self._codes.append(_typed(self._free.pop()))
            return
        self._waits = word.end()
        if word.re is not _PASSWORD or self._announces == "code":
            self._announces = "code"
        else:
            self._announces = "password"

    def _line(self) -> _Line:
        number = None
        above = self._text
        behind = ""
        if self._free:
            number = self._free[0]
            above = self._text[: number.start()].strip(_AROUND)
            behind = self._text[number.end() :]
        text = self._text.rstrip()
        last = "" if _ENDED.search(text) else text[-1:]
        return _Line(
            codes=self._codes,
            number=number,
            begins=not above,
            is_alone=not above and len(self._free) == 1 and not behind.strip(_AROUND),
            behind=behind.lstrip()[:1],
            announces=self._announces,
            goes_on="" if self._waits is None else last,
            names=bool(last) and _OTHER.search(self._text) is not None,
        )


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the words, numbers and ends of sentences, in their order.

    Of tokens at one place, the first of `_KINDS` counts. A token within another is left out.
    """
    found: list[re.Match[str]] = []
    for kind in _KINDS:
        found += kind.finditer(text)
    end = 0
    line = text.strip(_AROUND)
    for token in sorted(found, key=re.Match.start):
        may_be_word = token.re is _NUMBER and token[0] != line and _SHORT.fullmatch(token["number"])
        if token.start() >= end and not may_be_word:
            end = token.end()
            yield token


def _typed(number: re.Match[str]) -> str:
    """Return a code as it is typed: digits of any script without separators."""
    code = number["number"]
    if re.search("[A-Za-z]", code):
        return code
    return "".join(str(int(sign)) for sign in code if sign.isdecimal())
