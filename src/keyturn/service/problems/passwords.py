"""Problems with a new password: it is not accepted, or the change is refused or has an unknown
outcome.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from keyturn.service.problems.problem import N_, Problem

if TYPE_CHECKING:
    from keyturn.mail.languages.language import Language, SourceTexts


class OutcomeUnknown(
    Problem,
    status=504,
    title=N_("Your new password may not have been saved"),
    sentence=N_(
        "Try to sign in with it. If that doesn’t work, wait a minute and request a new link."
    ),
):
    """An answer was lost on the way, so the password may or may not have changed."""

    # RFC 9110 15.6.5: an upstream server did not answer in time. There is no Retry-After, since the
    # link may be used up.


class ChangeRefused(Problem, status=500, title=N_("Your password was not changed")):
    """The app's database refuses the change by a rule of its own, so a retry fails, too. The log
    has its message.
    """


class Violation(Struct, frozen=True):
    """A broken rule.

    `rule`: its stable name.
    `message`: the sentence of a store's own rule, or "".
    `limit`: the number in the sentence, if it has one.
    """

    rule: str
    message: str = ""
    limit: int | None = None


class BrokenRule(msgspec.Struct, frozen=True, kw_only=True):
    """Names a rule for passwords, and says it to a person."""

    rule: str
    message: str


class PasswordRejected(Problem, status=422, title=N_("This password can’t be used")):
    """The password breaks rules: `violations` lists each. Nothing was changed, and the link still
    works.
    """

    members = (("violations", tuple[BrokenRule, ...]),)

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        reasons = [violation.message or violation.rule for violation in self.violations]
        super().__init__("; ".join(reasons))

    def detail(self, words: "Language", /) -> str:
        return words.join_list(broken.message for broken in self.broken_rules(words))

    def member_values(self, words: "Language", /) -> Mapping[str, Any]:
        return {"violations": self.broken_rules(words)}

    def broken_rules(self, words: "SourceTexts") -> tuple[BrokenRule, ...]:
        broken = []
        for violation in self.violations:
            text = rule_text(violation.rule, violation.limit, words)
            # A rule of the store is not known here, and has a sentence of its own.
            broken.append(BrokenRule(rule=violation.rule, message=text or violation.message))
        return tuple(broken)


_RULES: Mapping[str, str] = {
    "max_bytes": N_(
        "at most %(limit)s bytes: %(limit)s plain letters, fewer with accents or emoji"
    ),
    "uppercase": N_("an upper-case letter"),
    "lowercase": N_("a lower-case letter"),
    "digit": N_("a digit"),
    "special": N_("a special character"),
    "common": N_("not a common password"),
    "personal": N_("not your address or the name of the site"),
    "weak_length": N_("a longer password"),
    "too_long": N_("a shorter password"),
    "history": N_("not one of your previous passwords"),
    "too_young": N_("more time since your last password change"),
    "weak_characters": N_(
        "more kinds of characters, such as upper-case letters, digits and special characters"
    ),
    "breached": N_("not a password from a known data leak"),
    "weak_pwned": N_("not a password from a known data leak"),
    "current": N_("not your current password"),
    "weak": N_("a password that is harder to guess"),
}
"""The requirement of each rule, as a part of a sentence. Some are Keyturn's own rules, others those
of Supabase Auth and of directories.
"""


def rule_text(name: str, limit: int | None, texts: "SourceTexts") -> str:
    """Return a rule's requirement; "" for a rule of an app, which is not known here."""
    if name in ("min_length", "weak_length") and limit:
        return texts.ngettext(
            "at least %(limit)s character", "at least %(limit)s characters", limit, limit=limit
        )
    if name in _RULES:
        return texts.gettext(_RULES[name], limit=limit or 0)
    return ""
