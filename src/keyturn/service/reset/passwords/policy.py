"""The rules for new passwords. Each has a name, a sentence and a test.

zxcvbn finds passwords that an attacker soon guesses.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unicodedata import category

import msgspec

from keyturn.bounded_pool import BoundedPool, PoolFull
from keyturn.mail.languages.language import SourceTexts
from keyturn.service.accounts.hash_formats import BCRYPT_BYTES
from keyturn.service.problems.passwords import PasswordRejected, Violation, rule_text
from keyturn.service.problems.requests import Busy
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.passwords.breaches import Breaches
from keyturn.service.settings import PasswordSettings, Settings

_SHORTEST_NAME = 4
"""Characters: shorter names are ignored, because too many words contain them."""

_MOST_WAITING = 63  # passwords that wait for their check, in each line

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
    """Checks new passwords as they were typed.

    `brand_names`: a password must not be one of them.
    `max_bytes`: bytes that the hash takes. A longer password is refused, not cut.
    `breaches`: finds passwords in data leaks; None if leaks are not checked.
    `rules`: the rules that a password must keep, in the order of a form.
    """

    def __init__(
        self,
        settings: PasswordSettings,
        *brand_names: str,
        max_bytes: int = BCRYPT_BYTES,
        breaches: Breaches | None = None,
    ) -> None:
        min_length = settings.min_length
        self._min_length = min_length
        self._max_bytes = max_bytes
        at_least = f"^[\\s\\S]{{{min_length},}}$"
        self._too_short = _rule("min_length", limit=min_length, pattern=at_least)
        self._too_long = _rule("max_bytes", limit=max_bytes)
        self._kinds = {}
        for name, kind in _KINDS.items():
            if name in settings.require:
                self._kinds[_rule(name, pattern=kind.pattern)] = kind
        self._common = _rule("common")
        self._personal = _rule("personal")
        self._breached = _rule("breached")
        self._brand_names = brand_names
        self._pool = BoundedPool("keyturn-guess", 1, _MOST_WAITING)  # zxcvbn holds the interpreter
        self._breaches = breaches
        rules = [
            self._too_short,
            self._too_long,
            *self._kinds,
            self._common,
            self._personal,
        ]
        if breaches:
            rules.append(self._breached)
        self.rules = tuple(rules)

    def close(self) -> None:
        self._pool.close()

    async def require(self, password: str, email: str) -> None:
        """Raise PasswordRejected with every rule that the password breaks.

        Variations of common passwords, and leaks, are looked up only if it breaks no other rule,
        since that takes time. Raises Busy.
        """
        broken = self._broken_shape(password)
        is_personal = _is_personal(password, email, self._brand_names)
        is_refused = bool(broken) or is_personal
        is_guessable = is_listed if is_refused else is_common
        if await self._in_pool(is_guessable, password):
            broken.append(self._common)
        if is_personal:
            broken.append(self._personal)
        if not broken and self._breaches and await self._breaches.holds(password):
            broken.append(self._breached)
        if broken:
            raise PasswordRejected(
                [Violation(rule.name, rule.message, rule.limit) for rule in broken]
            )

    async def _in_pool(self, is_guessable: Callable[[str], bool], password: str) -> bool:
        try:
            return await self._pool.run(partial(is_guessable, password))
        except PoolFull:
            raise Busy from None

    def _broken_shape(self, password: str) -> list[Rule]:
        """Return the broken rules about length and kinds of characters."""
        broken = []
        if len(password) < self._min_length:
            broken.append(self._too_short)
        if len(password.encode("utf-8", "surrogatepass")) > self._max_bytes:
            broken.append(self._too_long)
        for rule, kind in self._kinds.items():
            if not any(map(kind.has, password)):
                broken.append(rule)
        return broken


def _rule(name: str, *, limit: int | None = None, pattern: str | None = None) -> Rule:
    return Rule(
        name=name, message=rule_text(name, limit, SourceTexts()), limit=limit, pattern=pattern
    )


class _Kind(NamedTuple):
    """A kind of characters.

    `pattern`: its regular expression, for the form.
    `has`: tells whether a character is of this kind.
    """

    pattern: str
    has: Callable[[str], bool]


def _is_special(character: str) -> bool:
    return category(character)[0] not in "LN" and not character.isspace()


_KINDS: Mapping[str, _Kind] = {
    "uppercase": _Kind(r"\p{Lu}", lambda character: category(character) == "Lu"),
    "lowercase": _Kind(r"\p{Ll}", lambda character: category(character) == "Ll"),
    "digit": _Kind(r"\p{Nd}", lambda character: category(character) == "Nd"),
    "special": _Kind(r"[^\p{L}\p{N}\s]", _is_special),
}
"""The kinds of characters that the settings may require."""


def _is_personal(password: str, email: str, brand_names: Iterable[str]) -> bool:
    """Tell whether the password is little more than a name that an attacker knows (ASVS 6.2.11).

    The address and its words count, and those of the brands.
    """
    names = set()
    for known in (email, email.partition("@")[0], *brand_names):
        names.add(_letters_of(known))
        names.update(map(_letters_of, _NO_LETTER.split(known)))
    bare = _letters_of(password)
    return any(len(name) >= _SHORTEST_NAME and bare in {name, name * 2} for name in names)


def _letters_of(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalpha())


# Passwords that an attacker soon guesses. zxcvbn gets only short texts, which take milliseconds


_GUESSES = 10**6
_TOLD_BY = 32
"""Characters that zxcvbn judges: the beginning of a long password, since its time grows with the
square of the length.
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
"""Digits and years around a word, which users add if a rule asks for a digit, or if passwords
expire.
"""

_SHORTEST_WORD = 4
"""Characters: shorter words also occur in random signs and digits."""


def is_listed(password: str) -> bool:
    """Tell whether a password is among the most used ones."""
    from zxcvbn.matching import RANKED_DICTIONARIES  # here, since it takes 40 ms

    return password.lower() in RANKED_DICTIONARIES["passwords"]


def is_common(password: str) -> bool:
    """Tell whether a password is among the most used ones, or a simple variation of one.

    NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.4 ask for the comparison. Few common passwords pass the
    other rules. So zxcvbn also finds variations: added digits, repetitions, rows of keys and
    swapped letters. It rates a known phrase as strong, and a word with a year as fair, so those are
    looked up here.
    """
    from zxcvbn import zxcvbn

    if is_listed(password):
        return True
    if len(password) < _LONG_ENOUGH_TO_VARY:
        return False
    if _is_known(password):
        return True
    told_by = password[:_TOLD_BY]
    readings = {told_by.translate(_ONE_SIGN_A_LETTER), told_by.translate(_WITHOUT_SHIFT)}
    return any(zxcvbn(reading)["guesses"] <= _GUESSES for reading in readings)


def _is_known(password: str) -> bool:
    """Tell whether the password is a known phrase or a common password, with a few digits and signs
    around it, or a word with years.
    """
    from zxcvbn.matching import RANKED_DICTIONARIES as WORDS

    bare = "".join(filter(str.isalnum, password.lower().translate(_SIGNS_FOR_LETTERS)))
    # Of a repetition, such as abcabc, once is left: the text occurs in its double at that place.
    once = bare[: (bare + bare).find(bare, 1)]
    for stem in (once, _FEW_DIGITS.sub("", once)):
        if _holds(KNOWN_PHRASES, stem) or _holds(WORDS["passwords"], stem):
            return True
    word = _YEARS.sub("", once)
    return word != once and any(_holds(known, word) for known in WORDS.values())


def _holds(known: Container[str], stem: str) -> bool:
    """Tell whether a stem is known, as it is or with letters in place of its digits."""
    if len(stem) < _SHORTEST_WORD:
        return False
    return stem in known or stem.translate(_DIGITS_FOR_LETTERS) in known


_SHORTEST_BEGINNING = 10
"""Characters: a beginning of a phrase that is at least as long is as easy to guess as the whole."""


def _read_phrases(file: Path) -> frozenset[str]:
    """Return the phrases of a file, and their beginnings. Lines that begin with # are comments."""
    phrases = set()
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        for phrase in line.split():
            phrases.add(phrase)
            for end in range(_SHORTEST_BEGINNING, len(phrase)):
                phrases.add(phrase[:end])
    return frozenset(phrases)


KNOWN_PHRASES = _read_phrases(Path(__file__).with_name("known_phrases.txt"))


def build(settings: Settings, themes: Themes, breaches: Breaches | None) -> PasswordPolicy:
    return PasswordPolicy(
        settings.password,
        *(brand.name for brand in themes.brands),
        max_bytes=settings.hashing.max_bytes,
        breaches=breaches,
    )
