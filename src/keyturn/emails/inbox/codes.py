"""The codes of a mail that somebody has to type: what a test of a sign-in by mail needs out of it."""

import re

_BEGINS = r"(?:(?<![\w.,/:@#&=%+-])|(?<=(?<!\w)[A-Z]-))"
"""Behind a letter and a hyphen, too: of G-123456 the digits are typed."""

_ENDS = r"(?![\w/:@-]|[.,]\d|\s?[%€$£¥])"

_CODE = re.compile(
    rf"{_BEGINS}(?:\d{{3}}[ -]\d{{3}}|\d{{4,8}}|[A-Z0-9]{{4}}-[A-Z0-9]{{4}}"
    rf"|(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{{6,10}}){_ENDS}"
)
_ONLY_ANNOUNCED = re.compile(rf"{_BEGINS}(?:\d(?: \d){{3,7}}|(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{{6,10}}){_ENDS}")
"""What is a code only where a word says so: digits one by one, small letters among others."""

_ANNOUNCED = re.compile(
    r"code|kod|kód|código|codice|コード|验证码|驗證碼|코드|رمز|\bpin\b|\botp\b|pass(?:word|wort)|kennwort|mot de passe",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_ADDRESS = re.compile(r"\w{1,20}://\S+|[^\s@]{1,64}@\S+")
_SENTENCE = re.compile(r"[.!?。！？]\s")
_BEFORE, _AFTER = 80, 40
_MOST = 20


def codes_of(subject: str, text: str) -> list[str]:
    """Return them as they are typed, without spaces or a hyphen between digits; those that a word announces come first.

    Anything of four to eight digits that is no year may be one, or of six to ten capitals and digits; what stands in a
    link is none. Nothing else is one but where a word announces it.
    """
    words = _ADDRESS.sub(" ", f"{subject}\n{text}")
    announced: dict[str, bool] = {}
    for found, may_stand_alone in _places(words):
        is_announced = _is_announced(words, found)
        if is_announced or (may_stand_alone and not _YEAR.fullmatch(found[0])):
            code = found[0] if re.search("[A-Za-z]", found[0]) else re.sub("[ -]", "", found[0])
            announced[code] = announced.get(code, False) or is_announced
    return sorted(announced, key=lambda code: not announced[code])[:_MOST]


def _places(words: str) -> list[tuple[re.Match[str], bool]]:
    """Return what looks like a code, in order, and whether it may be one where nothing announces it."""
    places = [(found, True) for found in _CODE.finditer(words)]
    places += [(found, False) for found in _ONLY_ANNOUNCED.finditer(words)]
    return sorted(places, key=lambda place: place[0].start())


def _is_announced(words: str, found: re.Match[str]) -> bool:
    """Tell whether a word of the same sentence says that this is a code."""
    before = _SENTENCE.split(words[max(found.start() - _BEFORE, 0) : found.start()])[-1]
    around = before + _SENTENCE.split(words[found.end() : found.end() + _AFTER])[0]
    return bool(_ANNOUNCED.search(around))
