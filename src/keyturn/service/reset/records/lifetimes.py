"""How long links and codes work.

`one_time_secrets.RULES` says how long they are kept afterwards.
"""

from datetime import timedelta
from typing import NamedTuple

from keyturn.service.one_time_secrets import Purpose

CODE_LIFE = timedelta(minutes=10)
"""How long a code of a mail or an SMS works (OWASP ASVS 6.5.5)."""

BUTTON_LIFE = timedelta(hours=24)
"""How long the button "This was not me" works, and the link that is mailed after it."""

OPERATOR_LIFE = timedelta(days=3)
"""How long a link works that an operator asked for. Its reader does not wait for the mail.

The page of an expired one has a button that requests another.
"""


class LinkLifetimes(NamedTuple):
    """How long links that set a password work.

    `requested`: a link that its owner has requested, and the link that a code is exchanged for.
    """

    requested: timedelta

    def mailed(self, purpose: Purpose, *, by_operator: bool) -> timedelta:
        """Return how long a link in a mail works."""
        if purpose is Purpose.UNLOCK:
            return BUTTON_LIFE
        if by_operator:
            return OPERATOR_LIFE
        return self.requested

    def given_out(self, *, invites: bool) -> timedelta:
        """Return how long a link works that an operator or an app gives to the owner.

        An owner who is not invited waits for it, as for a requested one.
        """
        if invites:
            return OPERATOR_LIFE
        return self.requested
