"""Rules for new passwords: each has a name, a sentence and a test."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from unicodedata import category

import msgspec

from keyturn.mail.languages import SourceTexts
from keyturn.service.problems.passwords import PasswordRejected, Violation, rule_text
from keyturn.service.reset.bounded_pool import BoundedPool
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.passwords.guessing import is_common, is_listed
from keyturn.service.reset.passwords.hash_formats import BCRYPT_BYTES
from keyturn.service.settings import PasswordSettings, Settings

if TYPE_CHECKING:
    from keyturn.service.reset.passwords.breaches import Breaches

_SHORTEST_NAME = 4
"""Characters: shorter names are ignored, because too many words contain them."""

_MOST_WAITING = 63

_NO_LETTER = re.compile(r"[\W\d_]+")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a rule for passwords.

    `name` is stable and for machines, `message` is for people, in English (`rule_text` says it in other languages);
    `limit` is the number in it, if it has one. `pattern` is a regular expression (ECMAScript, flag u) that every
    accepted password matches, so that a form can tick the rule off at once.
    """

    name: str
    message: str
    limit: int | None = None
    pattern: str | None = None


class PasswordPolicy:
    """Judges new passwords as they were typed. Those over `max_bytes`, of their hash, are refused rather than cut."""

    def __init__(
        self,
        settings: PasswordSettings,
        *brand_names: str,
        max_bytes: int = BCRYPT_BYTES,
        breaches: "Breaches | None" = None,
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
        self.breaches = breaches
        further = map(_rule, ("common", "personal", *(["breached"] if breaches else [])))
        self.rules = (*(rule for rule, _ in self._checks), *further)

    async def require(self, password: str, email: str) -> None:
        """Raise PasswordRejected with every rule that the password breaks, Busy.

        Variations of common passwords take time, and leaks are asked of a service: both come after all other rules.
        """
        broken = [rule for rule, holds in self._checks if not holds(password)]
        personal = [_rule("personal")] if _is_personal(password, email, self._brand_names) else []
        if await self._pool.run(partial(is_listed if broken or personal else is_common, password)):
            broken.append(_rule("common"))
        broken += personal
        if not broken and self.breaches and await self.breaches.holds(password):
            broken = [_rule("breached")]
        if broken:
            raise PasswordRejected([Violation(rule.name, rule.message, rule.limit) for rule in broken])


def _rule(name: str, *, limit: int | None = None, pattern: str | None = None) -> Rule:
    return Rule(name=name, message=rule_text(name, limit, SourceTexts()), limit=limit, pattern=pattern)


_KINDS: Mapping[str, tuple[str, Callable[[str], bool]]] = {
    "uppercase": (r"\p{Lu}", lambda one: category(one) == "Lu"),
    "lowercase": (r"\p{Ll}", lambda one: category(one) == "Ll"),
    "digit": (r"\p{Nd}", lambda one: category(one) == "Nd"),
    "special": (r"[^\p{L}\p{N}\s]", lambda one: category(one)[0] not in "LN" and not one.isspace()),
}
"""The kinds of characters that settings may require, as a form and as this process knows them."""


def _is_personal(password: str, email: str, brand_names: Iterable[str]) -> bool:
    """Tell whether the password is little more than a name, or a word of it, that an attacker knows (ASVS 6.2.11)."""
    bare = _letters_of(password)
    known = (email, email.partition("@")[0], *brand_names)
    names = {_letters_of(name) for whole in known for name in (whole, *_NO_LETTER.split(whole))}
    return any(len(name) >= _SHORTEST_NAME and bare in {name, name * 2} for name in names)


def _letters_of(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalpha())


def build(settings: Settings, ground: Ground) -> PasswordPolicy:
    breaches = None
    if url := settings.password.breaches_url:
        from keyturn.service.reset.passwords.breaches import Breaches  # httpx2 takes 0.1 s

        breaches = Breaches(url, ground.meters)
    return PasswordPolicy(
        settings.password,
        *(brand.name for brand in ground.themes.brands),
        max_bytes=settings.hashing.max_bytes,
        breaches=breaches,
    )
