"""The codes in a mail that its reader has to type, for tests of sign-ins by mail.

A number is a code if a word of its sentence, or a word of the line beside it, announces a code. A line break ends a
sentence, unless the next line begins with a small letter. A line that announces a code and ends in a colon, or without
the end of its sentence, continues in the next line. Numbers that another word names (an order, a customer), dates,
prices and phone numbers are no codes.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).with_suffix(".toml")
_READ = 64 * 1024
"""Characters that are searched for codes."""

_MOST = 20
_BEFORE, _AFTER = 120, 60
"""Characters between an announcing word and the code, with the word before the code, and behind it."""

_BESIDE = 3
"""Lines above a code on a line of its own that may announce it."""

_UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DIGIT_IN_A_CELL = re.compile(r"(?<=\d)(?<!\d\d)\t(?=\d(?!\d))")
_NUMBER_IN_A_LIST = re.compile(r"^[ >]*+\d{1,2}[.)] ", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?:[.!?؟।…]['\")]?(?=\s)|[。！？])|;")
_ENDED = re.compile(r"[.!?؟।…。！？,،，;]['\")*]*\Z")
_CELL_END = re.compile(r"[|•·\t]")

_LEFT = r"(?<![A-Za-z0-9_.,/@#&=%+-])(?<!\d:)"
_RIGHT = r"(?![A-Za-z0-9_/@]|[.,:]\d|-\w)"
_CANDIDATE = re.compile(
    rf"(?<![A-Za-z0-9])[A-Z]-(?P<behind_letter>\d{{4,8}}){_RIGHT}"
    rf"|{_LEFT}(?:(?P<digits>\d{{3}}[ -]\d{{3}}(?:[ -]\d{{3}})?|\d\d(?:[ -]\d\d){{2,3}}|\d{{4}}[ -]\d{{4}}|\d{{4,8}}"
    rf"|\d(?: \d){{3,7}})(?![ -]\d)"
    r"|(?P<letters>(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{5,10}"
    rf"|[A-Z0-9]{{3}}(?:-[A-Z0-9]{{3}}){{1,3}}|[A-Z0-9]{{4}}(?:-[A-Z0-9]{{4}}){{1,3}}"
    rf"|[A-Z0-9]{{5}}(?:-[A-Z0-9]{{5}}){{1,3}}))"
    rf"{_RIGHT}"
)

_MONTHLY = (
    r"\d{1,2}(?:\.|st|nd|rd|th|º)?\s+(?:[^\W\d_]{1,12}\.?\s+){1,3}(?:19|20)\d\d"
    r"|[^\W\d_]{3,12}\s\d{1,2}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d"
)
_UNITS = (
    "%|€|$|£|¥|₹|₽|₴|₺|₪|₩|zł|Kč|kr\\b|EUR|USD|GBP|CHF|PLN|CZK|SEK|NOK|DKK|RUB|UAH|TRY|INR|JPY|CNY|KRW|ILS|元"
    "|円|원|руб|грн"
    "|min|minute|sec|second|sek|hour|hr|day|std|stund|tag|heure|jour|hora|día|dias|giorn|uur|dag|timme"
    "|time[rn]|godzin|hodin|мин|час|год|хвилин|dakika|saat|دقي|דקות|मिनट|分|秒|小時|小时|時間|분|초|시간"
    "|KB|MB|GB|TB|km|kg|px|ms|points|punkte|poäng|people|items|words|pages|users|mails"
)
_NONE = re.compile(
    r"\w{1,20}://\S+|www\.\S+|[^\s@]{1,64}@\S+"
    rf"|(?<!\w)(?:{_MONTHLY})"
    r"|(?:19|20)\d\d\s?[年년]\s?\d{1,2}\s?[月월]\s?\d{1,2}\s?[日일]"
    r"|(?<!\d)\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?!\d)"
    r"|(?:©|\([cC]\)|[Cc]opyright)\s?(?:19|20)\d\d"
    r"|[€$£¥₹₽₴₺₪₩]\s?\d[\d.,\s]{0,14}|(?:EUR|USD|GBP|CHF|Rs\.?)\s?\d[\d.,]*"
    rf"|(?<![\w-])\d[\d., ]{{0,14}}\s?(?:{_UNITS.replace('$', chr(92) + '$')})(?![A-Z])"
    r"|\+\d[\d ()/.-]{6,20}\d|(?<![\w-])\(?0\d{1,5}\)?[ /-]\d[\d /-]{4,14}\d|(?<!\d)\(\d{3}\) ?\d{3}-\d{4}"
    r"|(?<![\w-])\d{3}-\d{3}-\d{4}(?!\d)|(?<!\w)\d{1,3}(?:\.\d{1,3}){3}(?!\d)"
    r"|(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}",
)
"""Digits that are no code: addresses, dates, prices, amounts, phone numbers, bank accounts."""

_YEAR = re.compile(r"(?:19|20)\d\d")

_WORDS = {kind: "|".join(words) for kind, words in tomllib.loads(_FILE.read_text("utf-8")).items()}
"""The words in codes.toml. `other` are words for other numbers: such a word names the next number, with no comma and no
other digit between."""

_CODE, _PASSWORD, _TO_TYPE, _NO_CODE, _DISCOUNT, _OTHER, _SIGN_IN = (re.compile(words) for words in _WORDS.values())

_NAMED = 30
"""Characters between such a word and its number."""

_LIST = re.compile(
    r"\s*+(?:[,/&]|and|or|und|oder|et|ou|y|o|e|og|eller|och|ja|tai|i|lub|a|nebo|и|или|та|або|ve|veya|و)?\s*+"
)
_BLANKS = {0xA0: " ", 0x202F: " ", 0x2009: " ", 0x3000: " ", 0x2010: "-", 0x2011: "-", 0xFF1A: ":", 0xFF0D: "-"}
_AROUND = " \t*_\"'`“”„«»()[]<>:.,-–—=>#|"
_AT_THE_BEGINNING = 20
_DIRECTLY = 8
"""Characters between a word and a year that it announces as a code."""


class _Candidate(NamedTuple):
    """A possible code, by its place in a sentence. `code`: the characters to type."""

    start: int
    end: int
    code: str


class _Sentence:
    """A sentence with its possible codes, and what its words say of them.

    `codes`: announced here. `named`: named as something else.
    `announces`: a word waits for a code or a password. `announces_code`: a word waits for a code.
    `goes_on`: the sentence does not end with its line.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.candidates = [_read(found) for found in _CANDIDATE.finditer(text)]
        words = _lower(text)
        no_code = [found.span() for found in _NO_CODE.finditer(words)]
        code_words = sorted(found.span() for kind in (_CODE, _PASSWORD) for found in kind.finditer(words))
        code_words = [] if _DISCOUNT.search(words) else _outside(code_words, no_code)
        self.names = bool(no_code) or _OTHER.search(words) is not None
        self.named = set(self._named(words, no_code, code_words)) if self.candidates and self.names else set()
        free = [one for one in self.candidates if one not in self.named]
        self.codes: list[_Candidate] = []
        self.announces = bool(code_words)
        if free:
            self._announce(code_words, free)
            self.codes += [one for one in free if _is_typed(words, one)]
        self.announces_code = self.announces and _CODE.search(words) is not None
        self.goes_on = not _ENDED.search(text.rstrip())

    @property
    def is_alone(self) -> bool:
        return len(self.candidates) == 1 and not (
            self.text[: self.candidates[0].start].strip(_AROUND) or self.text[self.candidates[0].end :].strip(_AROUND)
        )

    @property
    def next_sign(self) -> str:
        """The character behind the first candidate: a capital begins a name, as behind a postcode."""
        return self.text[self.candidates[0].end :].lstrip()[:1]

    @property
    def begins_with_it(self) -> bool:
        start, _, code = self.candidates[0]
        return not (self.text[:start].strip(_AROUND) or _YEAR.fullmatch(code))

    def _named(
        self, words: str, no_code: list[tuple[int, int]], code_words: list[tuple[int, int]]
    ) -> Iterator[_Candidate]:
        """Yield the candidates that another word names: right behind it, with no comma and no digit between."""
        starts, announced = [one.start for one in self.candidates], [end for _, end in code_words]
        others = sorted([*(found.span() for found in _OTHER.finditer(words)), *no_code])
        for _, end in others:
            at = bisect_left(starts, end)
            if at < len(starts) and starts[at] - end <= _NAMED:
                between = bisect_left(announced, end)
                is_announced = between < len(announced) and announced[between] <= starts[at]
                if not is_announced and not re.search(r"[,،、，\d]", self.text[end : starts[at]]):
                    yield self.candidates[at]

    def _announce(self, code_words: list[tuple[int, int]], free: list[_Candidate]) -> None:
        starts = [one.start for one in free]
        for start, end in code_words:
            at = behind = bisect_left(starts, end)
            while behind < len(free) and starts[behind] - end <= _BEFORE and not self._may_be(free[behind], end):
                behind += 1
            if behind < len(free) and starts[behind] - end <= _BEFORE:
                self.codes.append(free[behind])
                self.codes += _list_after(self.text, free, behind)
            elif (
                at
                and start - free[at - 1].end <= _AFTER
                and start >= free[at - 1].end
                and self._may_be(free[at - 1], -1)
            ):
                self.codes.append(free[at - 1])
            else:
                continue
            self.announces = False

    def _may_be(self, one: _Candidate, announced: int) -> bool:
        """Tell whether a candidate may be a code. A year may be one only right behind an announcing word."""
        return (
            not _YEAR.fullmatch(one.code)
            or 0 <= one.start - announced <= _DIRECTLY
            or (announced >= 0 and self.text[announced : one.start].rstrip().endswith(":"))
        )


def codes_of(subject: str, text: str) -> list[str]:
    """Return the codes as they are typed, digits without separators, the likeliest first.

    A code that its own sentence announces precedes one that the line beside it announces. The time is linear in the
    text.
    """
    words = _UNSEEN.sub("", f"{subject}\n\n{text}"[:_READ]).translate(_BLANKS)
    words = _NUMBER_IN_A_LIST.sub("", _DIGIT_IN_A_CELL.sub(" ", words))
    words = _NONE.sub(lambda found: "\n".join("_" * len(line) for line in found[0].split("\n")), words)
    if not _CANDIDATE.search(words):
        return []
    lines = [[_Sentence(sentence) for sentence in _sentences(line) if sentence.strip()] for line in _lines(words)]
    found = [one.code for line in lines for sentence in line for one in sentence.codes]
    return list(dict.fromkeys([*found, *_beside(lines)] or _only_one(lines)))[:_MOST]


def _beside(lines: list[list[_Sentence]]) -> Iterator[str]:
    """Yield the codes that a line beside theirs announces: a line above, or the line right below."""
    announced, announced_code, goes_on, away = False, False, "", 0
    for number, line in enumerate(lines):
        if not line:
            continue
        first = line[0]
        if first.candidates and not first.codes and first.candidates[0] not in first.named:
            one = first.candidates[0]
            if len(line) == 1 and first.is_alone:
                below = next(filter(None, lines[number + 1 : number + 3]), [])
                if announced or any(sentence.announces for sentence in below):
                    yield one.code
                continue
            begins, is_wrapped = first.begins_with_it, bool(lines[number - 1]) and one.start <= _AT_THE_BEGINNING
            is_named = first.next_sign.isupper() and not (begins and goes_on == ":")
            if not is_named and ((begins and (announced_code or goes_on)) or (is_wrapped and goes_on)):
                yield one.code
        if any(sentence.announces for sentence in line):
            announced, announced_code, away = True, any(sentence.announces_code for sentence in line), 0
        elif any(sentence.candidates or (sentence.names and sentence.goes_on) for sentence in line) or away == _BESIDE:
            announced = announced_code = False
        goes_on = line[-1].text.rstrip()[-1:] if number and line[-1].announces and line[-1].goes_on else ""
        away += 1


def _only_one(lines: list[list[_Sentence]]) -> list[str]:
    """Return the only number that begins a line, if the subject speaks of a sign-in; none of several."""
    firsts = [line[0] for line in lines if line and line[0].candidates and not line[0].named]
    alone = {one.candidates[0].code for one in firsts if one.begins_with_it and not one.next_sign.isalpha()}
    subject = _lower(lines[0][0].text) if lines[0] else ""
    speaks_of_it = any(words.search(subject) for words in (_SIGN_IN, _CODE, _PASSWORD))
    return [*alone] if len(alone) == 1 and speaks_of_it else []


def _lines(words: str) -> Iterator[str]:
    """Yield lines and cells of tables, each joined with the following lines that continue its sentence."""
    whole: list[str] = []
    for line in _CELL_END.sub("\n", words).split("\n"):
        if whole and not _is_wrapped(whole[-1].rstrip(), line.lstrip()):
            yield " ".join(whole)
            whole = []
        whole.append(line)
    yield " ".join(whole)


def _is_wrapped(above: str, line: str) -> bool:
    """Tell whether a line continues in the next one. Behind a number, a word for a code begins another sentence."""
    if not above or not line[:1].islower() or _ENDED.search(above):
        return False
    return not (above[-1].isdigit() and (_CODE.match(line) or _PASSWORD.match(line)))


def _sentences(line: str) -> Iterator[str]:
    begin = 0
    for found in _SENTENCE_END.finditer(line):
        yield line[begin : found.end()]
        begin = found.end()
    yield line[begin:]


def _is_typed(words: str, one: _Candidate) -> bool:
    return any(found.end() >= one.start - 2 for found in _TO_TYPE.finditer(words, max(one.start - 20, 0), one.start))


def _read(found: re.Match[str]) -> _Candidate:
    code = found["letters"] or "".join(str(int(sign)) for sign in found[0] if sign.isdecimal())
    return _Candidate(found.start(), found.end(), code)


def _list_after(text: str, free: list[_Candidate], at: int) -> Iterator[_Candidate]:
    for before, one in pairwise(free[at:]):
        if not _LIST.fullmatch(text, before.end, one.start):
            return
        yield one


def _outside(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans that touch none of the others; both are in order."""
    ends = [end for _, end in others]
    kept = []
    for start, end in spans:
        at = bisect_left(ends, start + 1)
        if at == len(others) or others[at][0] >= end:
            kept.append((start, end))
    return kept


def _lower(text: str) -> str:
    """Return the text in small letters, each in its place."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(one if len(one.lower()) > 1 else one.lower() for one in text)
