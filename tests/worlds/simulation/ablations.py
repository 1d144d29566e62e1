"""Safeguards of Keyturn, each with a fault that takes it away, so that a simulation can show what
it prevents.

The fault is one of a port: a database that forgets, a provider's or another system's client that
says too much, a disk or a proxy. Three safeguards have none: `tests/driver/taken_out.py` says why,
and takes them out of the code.
"""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec
from tests.driver import store_faults, taken_out
from tests.worlds.simulation.disk import Disk
from tests.worlds.simulation.elsewhere import OtherSystem
from tests.worlds.simulation.provider import Provider
from tests.worlds.simulation.world import World


class Ablation(msgspec.Struct, frozen=True):
    """A safeguard in words, and its fault: one of the database, of `store_faults`, or `change` of
    this process.
    """

    what: str
    store: str = ""
    change: Callable[[], object] = lambda: None


def _without(what: str, port: type, fault: str, value: object = True) -> Ablation:
    return Ablation(what, change=partial(setattr, port, fault, value))


ABLATIONS: Mapping[str, Ablation] = {
    "used-links": Ablation("A link is used by one guarded `UPDATE`", store_faults.USES_OF_LINKS),
    "revoked-links": Ablation(
        "The same `UPDATE` refuses a link that was revoked", store_faults.ENDS_OF_LINKS
    ),
    "used-secure-links": Ablation(
        'A link of "this was not me" is used by one guarded `UPDATE`', store_faults.USES_OF_BUTTONS
    ),
    "commit-first": Ablation("202 is sent after the commit", store_faults.ONE_REQUEST_IN_SIXTEEN),
    "confirmation": _without(
        "A change and its confirmation are one transaction", Disk, "keeps_halves"
    ),
    "other-links": Ablation(
        "A new password revokes the account's other links", store_faults.REVOCATIONS
    ),
    "sessions": Ablation("A new password ends the account's sessions", store_faults.SESSIONS),
    "lost-commit": _without(
        "A lost answer to a commit is an unknown outcome", Disk, "has_room_unsaid"
    ),
    "given-up": Ablation(
        "Work that its caller has given up is not committed", change=taken_out.given_up
    ),
    "idempotency-key": _without(
        "Every try has the same idempotency key", Provider, "client", "forgets keys"
    ),
    "sealed-mail": Ablation(
        "A mail is rendered once, and stored sealed", store_faults.SEALED_MAILS
    ),
    "expired-links": Ablation(
        "A link that has expired is kept for its mail", store_faults.EXPIRED_LINKS
    ),
    "choose-then-note": Ablation(
        "A provider is noted with the mail before it is asked", store_faults.PROVIDERS
    ),
    "lost-call": _without(
        "A lost answer of a provider is an unknown outcome", Provider, "client", "is too sure"
    ),
    "lease-fence": Ablation(
        "Only the holder of a message postpones or ends it", store_faults.NAMES_OF_CLAIMS
    ),
    "lease": Ablation("A claim lasts for a lease", store_faults.LEASES),
    "lease-renewal": Ablation("A working worker renews its leases", store_faults.RENEWALS),
    "settled": Ablation("Only a waiting message can be claimed", store_faults.ENDS_OF_MESSAGES),
    "drop-at-once": Ablation(
        "A message that gets no mail ends in the transaction that decides so",
        store_faults.FIRST_DROPS,
    ),
    "cooldown": Ablation("A mailbox rests between two mails", store_faults.COOLDOWNS),
    "mailbox-limits": Ablation(
        "A mailbox rests between two mails, and gets few in a day", store_faults.COUNTS
    ),
    "client-limits": _without("A client's requests are counted", World, "hides_clients"),
    "breaker": _without(
        "New mails go to the fallback while the main provider fails",
        Provider,
        "client",
        "blames nobody",
    ),
    "failover": Ablation(
        "A mail that one provider may have never goes to the other",
        store_faults.PROVIDERS_OF_RETRIED,
    ),
    "account-lock": Ablation(
        "Another system gets one change of an account at a time", store_faults.LOCKS
    ),
    "certain-no": _without(
        "A link is given back only after a certain no of the other system",
        OtherSystem,
        "client_is_too_sure",
    ),
    "interrupted": Ablation(
        "A change that its process did not end is ended by the worker",
        store_faults.CLAIMED_PROMISES,
    ),
    "withdrawal": Ablation(
        "The one that withdraws the promise of a change writes its effects",
        store_faults.WITHDRAWALS,
    ),
    "survival": Ablation("A worker survives errors of the database", change=taken_out.survival),
    "alone": Ablation("One bad message of a claim fails alone", change=taken_out.one_alone),
}
"""By the name that `--without` takes."""
