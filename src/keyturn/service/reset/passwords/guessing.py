"""Tells passwords that an attacker soon guesses: by zxcvbn, with input of limited length. It takes milliseconds."""

import re
from collections.abc import Container, Iterable
from pathlib import Path

_GUESSES = 10**6
_TOLD_BY = 32
"""Characters: zxcvbn judges only the beginning of a long password, since its time grows with the length squared."""

_LONG_ENOUGH_TO_VARY = 8
"""Characters: shorter passwords are easy to guess in any case, and another rule refuses them."""

# zxcvbn tries every combination of the letters that signs may stand for: all twenty signs in 32 characters took 0.3 s
# to a second. The first reading keeps one sign for each letter. The second has no shifted signs and so shows rows of
# keys. The worst of 3,000 such passwords then took 13 ms; a plain password takes 2.
_ONE_SIGN_A_LETTER = str.maketrans("@$!|+{[<", "45117(((")
_WITHOUT_SHIFT = str.maketrans('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./")

_SIGNS_FOR_LETTERS = str.maketrans("@$€", "ase")
_DIGITS_FOR_LETTERS = str.maketrans("013457", "oleast")
_FEW_DIGITS = re.compile(r"^\d{1,4}|\d{1,4}$")
_YEARS = re.compile(r"^((19|20)\d\d)+|((19|20)\d\d){1,16}$")
"""Digits and years that users add around a word where a rule asks for a digit or a password ends each month."""

_SHORTEST_WORD = 4
"""Characters: shorter words also occur in random signs and digits."""


def is_listed(password: str) -> bool:
    """Return whether a password is among the most used ones."""
    from zxcvbn.matching import RANKED_DICTIONARIES  # 40 ms that the start should not cost

    return password.lower() in RANKED_DICTIONARIES["passwords"]


def is_common(password: str) -> bool:
    """Return whether a password is among the most used ones, or a simple variation of one.

    NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.4 ask for the comparison. Few common passwords pass the other rules, so
    zxcvbn also recognises added digits, repetitions, rows of keys and swapped letters. It rates a known phrase as
    strong, and a word with a year as fair: those are looked up.
    """
    from zxcvbn import zxcvbn

    if is_listed(password) or len(password) < _LONG_ENOUGH_TO_VARY:
        return is_listed(password)
    if _is_known(password):
        return True
    told_by = password[:_TOLD_BY]
    readings = {told_by.translate(_ONE_SIGN_A_LETTER), told_by.translate(_WITHOUT_SHIFT)}
    return any(zxcvbn(reading)["guesses"] <= _GUESSES for reading in readings)


def _is_known(password: str) -> bool:
    """Tell whether it is a known phrase or common password with a few digits and signs around, or a word with years."""
    from zxcvbn.matching import RANKED_DICTIONARIES as WORDS

    bare = "".join(filter(str.isalnum, password.lower().translate(_SIGNS_FOR_LETTERS)))
    once = bare[: (bare + bare).find(bare, 1)]
    phrase, word = _FEW_DIGITS.sub("", once), _YEARS.sub("", once)
    if any(_holds(known, (once, phrase)) for known in (KNOWN_PHRASES, WORDS["passwords"])):
        return True
    return word != once and any(_holds(known, (word,)) for known in WORDS.values())


def _holds(known: Container[str], stems: Iterable[str]) -> bool:
    """Tell whether a stem is known, as it is or with letters in place of its digits."""
    stems = [stem for stem in stems if len(stem) >= _SHORTEST_WORD]
    return any(stem in known or stem.translate(_DIGITS_FOR_LETTERS) in known for stem in stems)


_SHORTEST_BEGINNING = 10
"""Characters: beginnings of phrases from this length on are as easy to guess as the whole."""

_LINES = Path(__file__).with_name("known_phrases.txt").read_text("utf-8").splitlines()
_WHOLE = frozenset(phrase for line in _LINES if not line.startswith("#") for phrase in line.split())

KNOWN_PHRASES = _WHOLE | {phrase[:end] for phrase in _WHOLE for end in range(_SHORTEST_BEGINNING, len(phrase))}
