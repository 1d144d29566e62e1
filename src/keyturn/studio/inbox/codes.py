"""The codes in a mail that its reader has to type, for tests of sign-ins by mail.

A number is a code if a word of its sentence announces one. If the number begins a line, one of the three lines above
may announce it; if it is alone on its line, the line below may, too. A number that another word names (an order, a
customer), a date, a price and a phone number are no codes.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from operator import itemgetter
from pathlib import Path

_READ = 64 * 1024  # characters that are searched for codes

_MOST = 20
_BESIDE, _WRAPPED = 3, 20
"""Lines below an announcement in which a code may begin a line; characters before a code in the line right below."""

_BEFORE, _AFTER, _NAMED = 120, 60, 30
"""Characters between a code and the word before or after it that announces it, and between a word and its number."""

_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_PLAIN = {0xA0: " ", 0x202F: " ", 0x2009: " ", 0x3000: " ", 0x2010: "-", 0x2011: "-", 0xFF1A: ":", 0xFF0D: "-"}
_DIGIT_IN_A_CELL = re.compile(r"(?<=\d)(?<!\d\d)\t(?=\d(?!\d))")
_NUMBER_IN_A_LIST = re.compile(r"^[ >]*+\d{1,2}[.)] ", re.MULTILINE)
_LIST = re.compile(r"\s*+(?:[,/&]|and|or|und|oder|et|ou|y|o|e|og|eller|och|ja|tai|i|lub|a|и|или|та|або|ve|veya|و)?\s*+")
_AROUND = " \t*_\"'`“”„«»()[]<>:.,-–—=>#|"
_BREAK = re.compile(r"[|•·\t\n]")
_END = re.compile(r"[.!?؟।…;]['\")]?(?=\s)|[。！？]")
_ENDED = re.compile(r"[.!?؟।…。！？,،，;]['\")*]*\Z")

_WORDS = {
    kind: "|".join(words)
    for kind, words in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
"""The words in codes.toml. `other` are words for other numbers."""

_NONE = re.compile(_WORDS["none"])
_SIGN_IN, _DISCOUNT, _OTHER, _CODE, _PASSWORD, _TO_TYPE = (
    re.compile(_WORDS[kind], re.IGNORECASE) for kind in ("sign_in", "discount", "other", "code", "password", "to_type")
)
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.,/@#&=%+-])(?<!\d:)(?:[A-Z]-(?=\d{4}))?(?P<number>"
    r"(?:\d{3}[ -]\d{3}(?:[ -]\d{3})?|\d\d(?:[ -]\d\d){2,3}|\d{4}[ -]\d{4}|\d{4,8}|\d(?: \d){3,7})(?![ -]\d)"
    r"|(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{5,10}"
    r"|[A-Z0-9]{3}(?:-[A-Z0-9]{3}){1,3}|[A-Z0-9]{4}(?:-[A-Z0-9]{4}){1,3}|[A-Z0-9]{5}(?:-[A-Z0-9]{5}){1,3}"
    r")(?![A-Za-z0-9_/@]|[.,:]\d|-\w)"
)
_KINDS = (_OTHER, _CODE, _TO_TYPE, _PASSWORD, _NUMBER, _END)


class _Line:
    """A line with its codes, read word by word.

    `free`: its numbers that nothing names or announces.
    `announces`: the kind of the word that still waits for a code, or an empty text.
    `goes_on`: the last character, if the last sentence announces and does not end here.
    `names`: a word for another number stands in it, and its last sentence does not end here.
    """

    def __init__(self, text: str) -> None:
        self.codes: list[str] = []
        self.free: list[re.Match[str]] = []
        self.announces = ""
        self._text = text
        self._waits_since = self._named_since = self._code_ends = -1
        is_offer = _DISCOUNT.search(text) is not None
        for token in _tokens(text):
            if token.re is _OTHER:
                self._named_since = token.end()
            elif token.re is _END:
                self._waits_since = self._code_ends = -1
            elif token.re is _NUMBER and not is_offer:
                self._number(token)
            elif not is_offer:
                self._word(token)
        last = "" if _ENDED.search(text.rstrip()) else text.rstrip()[-1:]
        self.goes_on = last if self._waits_since >= 0 else ""
        self.names = bool(last) and _OTHER.search(text) is not None

    def _word(self, word: re.Match[str]) -> None:
        """Take the number before a word as its code, else wait for one."""
        self._named_since = -1
        before = self.free[-1] if self.free else None
        if before and word.start() - before.end() <= _AFTER and not _END.search(self._text, before.end(), word.start()):
            self.codes.append(_typed(self.free.pop()))
        else:
            self._waits_since = word.end()
            self.announces = "password" if word.re is _PASSWORD and self.announces != "code" else "code"

    def _number(self, number: re.Match[str]) -> None:
        if self._is_named(number.start()):
            self._named_since = -1
        elif 0 <= self._waits_since >= number.start() - _BEFORE or self._is_listed(number.start()):
            self.codes.append(_typed(number))
            self._waits_since, self._code_ends, self.announces = -1, number.end(), ""
        else:
            self.free.append(number)

    def _is_named(self, at: int) -> bool:
        """Tell whether a word for another number stands right before, with no comma and no digit between."""
        since = self._named_since
        return 0 <= since >= at - _NAMED and not re.search(r"[,،、，\d_]", self._text[since:at])

    def _is_listed(self, at: int) -> bool:
        return self._code_ends >= 0 and _LIST.fullmatch(self._text, self._code_ends, at) is not None

    @property
    def begins(self) -> bool:
        return bool(self.free) and not self._text[: self.free[0].start()].strip(_AROUND)

    @property
    def is_alone(self) -> bool:
        return self.begins and len(self.free) == 1 and not self._text[self.free[0].end() :].strip(_AROUND)

    @property
    def behind(self) -> str:
        """The character behind the first number: a capital begins a name, as behind a postcode."""
        return self._text[self.free[0].end() :].lstrip()[:1]


def codes_of(subject: str, text: str) -> list[str]:
    """Return the codes as they are typed, digits without separators, the likeliest first. The time is linear."""
    words = _UNSEEN.sub("", f"{subject}\n\n{text}"[:_READ]).translate(_PLAIN)
    words = _NUMBER_IN_A_LIST.sub("", _DIGIT_IN_A_CELL.sub(" ", words))
    words = _NONE.sub(lambda found: "\n".join("_" * len(line) for line in found[0].split("\n")), words)
    if not _NUMBER.search(words):
        return []
    lines = [*map(_Line, _lines(words))]
    if subject.strip():
        lines[0].goes_on = ""
    found = [code for line in lines for code in line.codes] + [*_beside(lines)]
    if not found and any(kind.search(subject) for kind in (_SIGN_IN, _CODE, _PASSWORD)):
        firsts = {_typed(line.free[0]) for line in lines if line.begins and not line.behind.isalpha()}
        found = [*firsts] if len(firsts) == 1 else []
    return [*dict.fromkeys(found)][:_MOST]


def _lines(words: str) -> Iterator[str]:
    """Yield lines that are not blank and cells of tables, each with the lines that continue its sentence.

    Behind a number, a word for a code begins another sentence.
    """
    whole = ""
    for line in _BREAK.split(words):
        above, below = whole.rstrip(), line.lstrip()
        if above and (
            not below[:1].islower()
            or _ENDED.search(above)
            or (above[-1].isdigit() and (_CODE.match(below) or _PASSWORD.match(below)))
        ):
            yield above
            whole = ""
        whole = f"{whole} {line}" if whole else line
    if whole.strip():
        yield whole


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Yield the words, numbers and ends of sentences, in their order. A token within another is left out."""
    end = 0
    found = ((token.start(), order, token) for order, kind in enumerate(_KINDS) for token in kind.finditer(text))
    for start, _, token in sorted(found, key=itemgetter(0, 1)):
        if start >= end:
            end = token.end()
            yield token


def _beside(lines: Sequence[_Line]) -> Iterator[str]:
    """Yield the codes that a line above theirs announces, or the line right below."""
    announced, goes_on, away = "", "", 0
    for line, below in zip_longest(lines, lines[1:]):
        if line.free and not line.codes:
            number = line.free[0]
            if line.is_alone:
                if announced or (below and below.announces):
                    yield _typed(number)
                    continue
            elif (goes_on == ":" or not line.behind.isupper()) and (
                (announced == "code" and line.begins) or (goes_on and number.start() <= _WRAPPED)
            ):
                yield _typed(number)
        if line.announces:
            announced, away = line.announces, 0
        elif line.free or line.codes or line.names or away == _BESIDE:
            announced = ""
        goes_on, away = line.goes_on if line.announces else "", away + 1


def _typed(number: re.Match[str]) -> str:
    """Return a code as it is typed: digits of any script without separators."""
    code = number["number"]
    return code if re.search("[A-Za-z]", code) else "".join(str(int(sign)) for sign in code if sign.isdecimal())
