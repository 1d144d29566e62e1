"""What can be added to an account's second factors: by which proof, when it counts, and what undoes it.

No session and no link adds anything: a thief with a stolen password could lock the owner out of every reset. An
operator adds, and the owner's mailbox gets a mail with the button "this was not me". While an addition is recent, a
press of that button removes it, and a recovery link neither asks for it nor leaves it. So a mailbox can undo what an
operator was talked into. One that replaced a proven factor has stood for as long as that one: whoever reads the mailbox
alone cannot remove a second step that has stood for longer.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, NamedTuple

RECENT = timedelta(days=30)
"""How long an addition is recent: a mail is often read late. Afterwards it is proven."""

Kind = Literal["totp", "phone", "recovery_codes"]
Occasion = Literal["sign_in", "reset", "recovery_link"]
Undoing = Literal["press", "recovery_link"]


class Addition(NamedTuple):
    """A kind of addition. While it is recent, `asked_at` are the occasions that ask for it, `undone_by` remove it."""

    proof: str
    asked_at: frozenset[Occasion]
    undone_by: frozenset[Undoing]


_ASKED: frozenset[Occasion] = frozenset({"sign_in", "reset"})
_UNDONE: frozenset[Undoing] = frozenset({"press", "recovery_link"})

ADDITIONS: Mapping[Kind, Addition] = {
    "totp": Addition("an operator, and a code from the app", _ASKED, _UNDONE),
    "phone": Addition("an operator, who knows that the number is the owner's", _ASKED, _UNDONE),
    "recovery_codes": Addition("an operator, for an account with a factor", _ASKED, _UNDONE),
}


def late_at(occasion: Occasion) -> frozenset[Kind]:
    """Return the kinds that the occasion does not ask for while they are recent."""
    return frozenset(kind for kind, addition in ADDITIONS.items() if occasion not in addition.asked_at)


def undone_by(undoing: Undoing) -> frozenset[Kind]:
    """Return the kinds that are removed while they are recent."""
    return frozenset(kind for kind, addition in ADDITIONS.items() if undoing in addition.undone_by)
