"""Safeguards, each of which a fault of the store takes away, to show that the machine notices."""

from collections.abc import Mapping

from tests.driver import store_faults as faults

FAULTS: Mapping[str, str] = {
    "the guard of a link's update": faults.USES_OF_LINKS,
    "the guard of a button's update": faults.USES_OF_BUTTONS,
    "the purpose of a link": faults.PURPOSES,
    "the end of a link": faults.LIFETIMES,
    "the end of other links at a change": faults.REVOCATIONS,
    "the end of other sessions at a change": faults.SESSIONS,
    "the comparison of a link's address": faults.ADDRESSES_OF_LINKS,
    "the check that an account is active": faults.DISABLED_ACCOUNTS,
    "the counts of a mailbox's mails and of an account's wrong second steps": faults.COUNTS,
    "the one use of a code": faults.USES_OF_CODES,
    "the count of a code's tries": faults.TRIES_OF_CODES,
    "the end of codes at a change": faults.ENDS_OF_CODES,
    "the same answer for an unknown address": faults.REQUESTS_OF_STRANGERS,
    # Behind it, a mailbox's cooldown and daily count refuse most of the mails, but the trail then has one request too
    # many.
    "the one replacement of a link": faults.REPLACEMENTS,
    "the one use of an authenticator's code": faults.STEPS_OF_AUTHENTICATORS,
    "the limit of a press to links of its mailbox": faults.LIMITS_OF_PRESSES_TO_LINKS,
    "the limit of a press to buttons of its mailbox": faults.LIMITS_OF_PRESSES_TO_BUTTONS,
    "the end of earlier buttons at a proven change": faults.ENDS_OF_EARLIER_BUTTONS,
}
"""By the safeguard."""
