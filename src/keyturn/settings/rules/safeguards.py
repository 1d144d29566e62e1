"""What must hold for what people can do about what was not them, and for the functions that may refuse a reset."""

from collections.abc import Iterator
from datetime import timedelta

from keyturn.errors import Fault
from keyturn.settings.model import Settings
from keyturn.settings.rules.accounts import FUNCTION

_SHORTEST_LIFE = timedelta(minutes=1)
_LONGEST_LIFE = timedelta(days=7)
"""Whoever reads a mailbox until then may end the account's sessions."""

_LONGEST_MUTE = timedelta(days=30)
_LONGEST_HOOK = timedelta(seconds=30)


def safeguard_faults(settings: Settings) -> Iterator[Fault]:
    secure, mute, hooks = settings.secure_account, settings.mute, settings.hooks
    if not _SHORTEST_LIFE <= secure.ttl <= _LONGEST_LIFE:
        yield Fault("secure_account.ttl", f"must be from a minute to {_LONGEST_LIFE.days} days")
    if not _SHORTEST_LIFE <= mute.period <= _LONGEST_MUTE:
        yield Fault("mute.period", f"must be from a minute to {_LONGEST_MUTE.days} days")
    if not timedelta(0) < hooks.timeout <= _LONGEST_HOOK:
        yield Fault("hooks.timeout", f"must be up to {_LONGEST_HOOK.seconds} s: somebody waits meanwhile")
    if hooks.before_reset and not FUNCTION.fullmatch(hooks.before_reset):
        yield Fault("hooks.before_reset", f"not package.module:function: {hooks.before_reset}")
    yield from _lock(settings)


def _lock(settings: Settings) -> Iterator[Fault]:
    table, store = settings.accounts.table, settings.accounts.store
    for name, other in (("lock", "unlock"), ("unlock", "lock")):
        if getattr(table, name) and not getattr(table, other):
            yield Fault(f"accounts.table.{other}", f"missing: accounts.table.{name} is set")
    if not settings.secure_account.lock:
        return
    if not settings.secure_account.url:
        yield Fault("secure_account.lock", "is set, but there is no secure_account.url by which it would come to that")
    if store == "supabase":
        yield Fault("secure_account.lock", "Supabase Auth has no lock of ours: use the webhook account.secured")
    elif store == "table" and not table.lock:
        yield Fault("accounts.table.lock", "missing: secure_account.lock is set")
