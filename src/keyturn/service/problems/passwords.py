"""Problems with a new password: it is not accepted, or the change is refused or has an unknown outcome."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from keyturn.service.problems.problem import N_, Problem

if TYPE_CHECKING:
    from keyturn.mail.languages import Language, SourceTexts


class ResetRefused(Problem, status=403, title=N_("Your password was not changed"), outcome="refused"):
    """The app has something against it: `detail` says what, to the person. The link lives, and nothing was changed."""

    example = ("Your account is being examined. Please call us.",)

    def detail(self, _: "Language", /) -> str:
        return str(self)


class OutcomeUnknown(
    Problem,
    status=504,
    title=N_("Your new password may not have been saved"),
    sentence=N_("Try to sign in with it. If that doesn’t work, wait a minute and request a new link."),
):
    """An answer was lost on the way: the password may have been changed, or not."""

    # RFC 9110 15.6.5: an upstream did not answer in time. No Retry-After: the link is used up.


class Violation(Struct, frozen=True):
    """A broken password rule. `rule`: its stable name. `message`: its sentence for users. `limit`: the number in it."""

    rule: str
    message: str
    limit: int | None = None


class BrokenRule(msgspec.Struct, frozen=True, kw_only=True):
    """Names a rule for passwords, and says it to a person."""

    rule: str
    message: str


class PasswordRejected(Problem, status=422, title=N_("This password can’t be used")):
    """The password is not accepted; `violations` holds every broken rule, and nothing was changed."""

    members = (("violations", tuple[BrokenRule, ...]),)
    example = ([Violation("min_length", "at least 12 characters", 12)],)

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(violation.message for violation in self.violations))

    def detail(self, words: "Language", /) -> str:
        return words.join_list(broken.message for broken in self.broken_rules(words))

    def member_values(self, words: "Language", /) -> Mapping[str, Any]:
        return {"violations": self.broken_rules(words)}

    def broken_rules(self, words: "SourceTexts") -> tuple[BrokenRule, ...]:
        """Return the rules in the reader's language."""
        return tuple(
            BrokenRule(rule=broken.rule, message=rule_text(broken.rule, broken.limit, words) or broken.message)
            for broken in self.violations
        )


def rule_text(name: str, limit: int | None, texts: "SourceTexts") -> str:
    """Return a rule's requirement as part of a sentence; "" for an unknown rule of an app."""
    match name:
        case "min_length" | "weak_length" if limit:
            return texts.ngettext("at least %(limit)s character", "at least %(limit)s characters", limit, limit=limit)
        case "max_bytes":
            return texts.gettext(
                "at most %(limit)s bytes: %(limit)s plain letters, fewer with accents or emoji", limit=limit
            )
        case "uppercase":
            return texts.gettext("an upper-case letter")
        case "lowercase":
            return texts.gettext("a lower-case letter")
        case "digit":
            return texts.gettext("a digit")
        case "special":
            return texts.gettext("a special character")
        case "common":
            return texts.gettext("not a common password")
        case "personal":
            return texts.gettext("not your address or the name of the site")
        case _:
            return _refusal_text(name, texts)


def _refusal_text(name: str, texts: "SourceTexts") -> str:
    """Return the text of a rule that needs the password itself, or the rules of Supabase Auth and directories."""
    match name:
        case "weak_length":
            return texts.gettext("a longer password")
        case "too_long":
            return texts.gettext("a shorter password")
        case "history":
            return texts.gettext("not one of your previous passwords")
        case "too_young":
            return texts.gettext("more time since your last password change")
        case "weak_characters":
            return texts.gettext("more kinds of characters, such as upper-case letters, digits and special characters")
        case "breached" | "weak_pwned":
            return texts.gettext("not a password from a known data leak")
        case "current":
            return texts.gettext("not your current password")
        case "weak":
            return texts.gettext("a password that is harder to guess")
        case _:
            return ""
