"""Accounts at Supabase Auth, alone or with users looked up in a table.

An address that was never confirmed becomes confirmed by its first link, as with a link of Supabase's own. Before that,
no mail contains the name. Once Supabase has accepted a password it is changed, even if the table could not note it.
Declined: `supabase-auth`, which brings pydantic and pyjwt for three calls, and whose list of users has no filter.
"""

import msgspec

from keyturn.accounts.port import AccountStore
from keyturn.accounts.supabase.accounts import SupabaseAccounts, SupabaseWithTable
from keyturn.database import Database
from keyturn.settings import AccountSettings

__all__ = ["SupabaseAccounts", "SupabaseWithTable", "supabase_accounts"]


def supabase_accounts(wanted: AccountSettings, database: Database) -> AccountStore:
    """Return the store of the project; with a table in the settings, users are looked up there."""
    if not wanted.table.table:
        return SupabaseAccounts(wanted.supabase)
    from keyturn.accounts.table import table_accounts

    # A column for passwords, if one is left from earlier days, no longer counts.
    people = msgspec.structs.replace(wanted.table, password="")
    return SupabaseWithTable(table_accounts(people, database), SupabaseAccounts(wanted.supabase))
