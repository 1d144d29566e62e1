"""The codes of a mail that somebody has to type: what a test of a sign-in by mail needs out of it."""

import re

_CODE = re.compile(
    r"(?<![\w.,/:@#&=%+-])(?:\d{3}[ -]\d{3}|\d{4,8}|[A-Z0-9]{4}-[A-Z0-9]{4}|(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{6,10})"
    r"(?![\w/:@-]|[.,]\d|\s?[%€$£¥])"
)
_ANNOUNCED = re.compile(
    r"code|kod|kód|código|codice|コード|验证码|驗證碼|코드|رمز|\bpin\b|\botp\b|pass(?:word|wort)|kennwort|mot de passe",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"\w{1,20}://\S+|[^\s@]{1,64}@\S+")
_SENTENCE = re.compile(r"[.!?。！？]\s")
_BEFORE, _AFTER = 80, 40
_MOST = 20


def codes_of(subject: str, text: str) -> list[str]:
    """Return them as they are typed, without a space or hyphen between digits; those that a word announces come first.

    Anything of four to eight digits may be one, or of six to ten capitals and digits; what stands in a link is none.
    """
    words = _ADDRESS.sub(" ", f"{subject}\n{text}")
    announced: dict[str, bool] = {}
    for found in _CODE.finditer(words):
        before = _SENTENCE.split(words[max(found.start() - _BEFORE, 0) : found.start()])[-1]
        around = before + _SENTENCE.split(words[found.end() : found.end() + _AFTER])[0]
        code = re.sub(r"(?<=\d{3})[ -](?=\d{3})", "", found[0]) if found[0][:3].isdigit() else found[0]
        announced[code] = announced.get(code, False) or bool(_ANNOUNCED.search(around))
    return sorted(announced, key=lambda code: not announced[code])[:_MOST]
