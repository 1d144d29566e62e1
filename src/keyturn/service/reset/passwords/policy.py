"""Rules for new passwords: each has a name, a sentence and a test. zxcvbn tells which an attacker
soon guesses.
"""

import re
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping
from functools import partial
from pathlib import Path
from unicodedata import category

import msgspec

from keyturn.bounded_pool import BoundedPool, PoolFull
from keyturn.mail.languages.language import SourceTexts
from keyturn.service.accounts.hash_formats import BCRYPT_BYTES
from keyturn.service.problems.passwords import PasswordRejected, Violation, rule_text
from keyturn.service.problems.requests import Busy
from keyturn.service.reset.stores import Stores
from keyturn.service.settings import PasswordSettings, Settings

_SHORTEST_NAME = 4
"""Characters: shorter names are ignored, because too many words contain them."""

_MOST_WAITING = 63

_NO_LETTER = re.compile(r"[\W\d_]+")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a rule for passwords.

    `name` is stable and for machines, `message` is for people, in English (`rule_text` says it in
    other languages); `limit` is the number in it, if it has one. `pattern` is a regular expression
    (ECMAScript, flag u) that every accepted password matches, so that a form can tick the rule off
    at once.
    """

    name: str
    message: str
    limit: int | None = None
    pattern: str | None = None


class PasswordPolicy:
    """Judges new passwords as they were typed.

    Those over `max_bytes`, of their hash, are refused rather than cut.
    """

    def __init__(
        self,
        settings: PasswordSettings,
        *brand_names: str,
        max_bytes: int = BCRYPT_BYTES,
        is_leaked: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        shortest = settings.min_length
        self._checks: list[tuple[Rule, Callable[[str], bool]]] = [
            (
                _rule("min_length", limit=shortest, pattern=f"^[\\s\\S]{{{shortest},}}$"),
                lambda text: len(text) >= shortest,
            ),
            (
                _rule("max_bytes", limit=max_bytes),
                lambda text: len(text.encode("utf-8", "surrogatepass")) <= max_bytes,
            ),
            *(
                (_rule(name, pattern=pattern), lambda text, is_one=is_one: any(map(is_one, text)))
                for name, (pattern, is_one) in _KINDS.items()
                if name in settings.require
            ),
        ]
        self._brand_names = brand_names
        self._pool = BoundedPool("keyturn-guess", 1, _MOST_WAITING)  # zxcvbn holds the interpreter
        self.close = self._pool.close
        self._is_leaked = is_leaked
        further = map(_rule, ("common", "personal", *(["breached"] if is_leaked else [])))
        self.rules = (*(rule for rule, _ in self._checks), *further)

    async def require(self, password: str, email: str) -> None:
        """Raise PasswordRejected with every rule that the password breaks, Busy.

        Variations of common passwords take time, and leaks are asked of a service: both come after
        all other rules.
        """
        broken = [rule for rule, holds in self._checks if not holds(password)]
        personal = [_rule("personal")] if _is_personal(password, email, self._brand_names) else []
        judge = is_listed if broken or personal else is_common
        try:
            is_guessable = await self._pool.run(partial(judge, password))
        except PoolFull:
            raise Busy from None
        if is_guessable:
            broken.append(_rule("common"))
        broken += personal
        if not broken and self._is_leaked and await self._is_leaked(password):
            broken = [_rule("breached")]
        if broken:
            raise PasswordRejected(
                [Violation(rule.name, rule.message, rule.limit) for rule in broken]
            )


def _rule(name: str, *, limit: int | None = None, pattern: str | None = None) -> Rule:
    return Rule(
        name=name, message=rule_text(name, limit, SourceTexts()), limit=limit, pattern=pattern
    )


_KINDS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "uppercase": (r"\p{Lu}", lambda one: category(one) == "Lu"),
    "lowercase": (r"\p{Ll}", lambda one: category(one) == "Ll"),
    "digit": (r"\p{Nd}", lambda one: category(one) == "Nd"),
    "special": (r"[^\p{L}\p{N}\s]", lambda one: category(one)[0] not in "LN" and not one.isspace()),
}
"""The kinds of characters that settings may require, as a form and as this process knows them."""


def _is_personal(password: str, email: str, brand_names: Iterable[str]) -> bool:
    """Tell whether the password is little more than a name, or a word of it, that an attacker knows
    (ASVS 6.2.11).
    """
    bare = _letters_of(password)
    known = (email, email.partition("@")[0], *brand_names)
    names = {_letters_of(name) for whole in known for name in (whole, *_NO_LETTER.split(whole))}
    return any(len(name) >= _SHORTEST_NAME and bare in {name, name * 2} for name in names)


def _letters_of(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalpha())


# Passwords that an attacker soon guesses, by zxcvbn with input of limited length, which takes
# milliseconds


_GUESSES = 10**6
_TOLD_BY = 32
"""Characters: zxcvbn judges only the beginning of a long password, since its time grows with the
length squared.
"""

_LONG_ENOUGH_TO_VARY = 8
"""Characters: shorter passwords are easy to guess in any case, and another rule refuses them."""

# zxcvbn tries every combination of the letters that signs may stand for: all twenty signs in 32
# characters took 0.3 s to a second. The first reading keeps one sign for each letter. The second
# has no shifted signs and so shows rows of keys. The worst of 3,000 such passwords then took 13 ms;
# a plain password takes 2.
_ONE_SIGN_A_LETTER = str.maketrans("@$!|+{[<", "45117(((")
_WITHOUT_SHIFT = str.maketrans('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./")

_SIGNS_FOR_LETTERS = str.maketrans("@$€", "ase")
_DIGITS_FOR_LETTERS = str.maketrans("013457", "oleast")
_FEW_DIGITS = re.compile(r"^\d{1,4}|\d{1,4}$")
_YEARS = re.compile(r"^((19|20)\d\d)+|((19|20)\d\d){1,16}$")
"""Digits and years that users add around a word where a rule asks for a digit or a password ends
each month.
"""

_SHORTEST_WORD = 4
"""Characters: shorter words also occur in random signs and digits."""


def is_listed(password: str) -> bool:
    """Return whether a password is among the most used ones."""
    from zxcvbn.matching import RANKED_DICTIONARIES  # 40 ms that the start should not cost

    return password.lower() in RANKED_DICTIONARIES["passwords"]


def is_common(password: str) -> bool:
    """Return whether a password is among the most used ones, or a simple variation of one.

    NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.4 ask for the comparison. Few common passwords pass the
    other rules, so zxcvbn also recognises added digits, repetitions, rows of keys and swapped
    letters. It rates a known phrase as strong, and a word with a year as fair: those are looked up.
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
    """Tell whether it is a known phrase or common password with a few digits and signs around, or a
    word with years.
    """
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

KNOWN_PHRASES = _WHOLE | {
    phrase[:end] for phrase in _WHOLE for end in range(_SHORTEST_BEGINNING, len(phrase))
}


def build(
    settings: Settings, stores: Stores, is_leaked: Callable[[str], Awaitable[bool]] | None
) -> PasswordPolicy:
    return PasswordPolicy(
        settings.password,
        *(brand.name for brand in stores.themes.brands),
        max_bytes=settings.hashing.max_bytes,
        is_leaked=is_leaked,
    )
