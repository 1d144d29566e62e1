"""Findings on mails that passed a limit while they were rendered or checked."""

from keyturn.emails.gallery.sizes import TooLarge
from keyturn.emails.lint.finding import RULES, Finding, Place
from keyturn.emails.renderers.limits import OutOfTime


def limit_of(cause: BaseException | None) -> str:
    """Return the rule for the limit that an exception reports; empty for other exceptions."""
    match cause:
        case OutOfTime():
            return "time"
        case MemoryError():
            return "memory"
        case TooLarge():
            return "size"
    return ""


def limit_finding(limit: str, place: Place, message: str = "") -> Finding:
    """Return the finding on a mail. `message`: by default that of the limit."""
    return RULES.finding(place, f"limits/{limit}", message=message)


def reason_of(cause: BaseException | None, message: str) -> str:
    """Return the reason as a sentence, or an empty text where the rule's message says it."""
    if isinstance(cause, MemoryError):
        return ""
    text = str(cause) if isinstance(cause, OutOfTime) else message
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
