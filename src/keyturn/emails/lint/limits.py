"""Findings on mails that passed a limit while they were rendered or checked."""

from keyturn.emails.gallery.sizes import TooLarge
from keyturn.emails.lint.finding import Finding, Place, RuleGroup
from keyturn.emails.workers.limits import OutOfTime

RULES = RuleGroup("limits", "crash", "memory", "size", "time")

_SETTINGS = {
    "time": "Look for a loop that does not end, or set limit_seconds higher.",
    "memory": "Look for a text or a list that grows without end, or set limit_megabytes higher.",
    "size": "Send less: Gmail shows 102 KB of a mail.",
    "crash": "Look for what this template alone does, such as a filter of your own that ends the process.",
}
_MESSAGES = {
    "time": "Drawing and checking this mail takes longer than it may.",
    "memory": "Drawing and checking this mail takes more memory than it may.",
    "crash": "The process that drew and checked this mail has ended.",
}


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
    return RULES[limit].finding(place, "error", message or _MESSAGES[limit], _SETTINGS[limit])


def reason_of(cause: BaseException | None, message: str) -> str:
    """Return the reason as a sentence."""
    if isinstance(cause, MemoryError):
        return _MESSAGES["memory"]
    text = str(cause) if isinstance(cause, OutOfTime) else message
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
