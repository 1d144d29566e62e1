"""Accounts at Supabase Auth, alone or with people looked up in a table."""

import msgspec

from keyturn.accounts.port import AccountStore
from keyturn.accounts.supabase.accounts import SupabaseAccounts
from keyturn.accounts.supabase.with_table import PeopleTable, SupabaseWithTable
from keyturn.database import Database
from keyturn.settings import AccountSettings

__all__ = ["PeopleTable", "SupabaseAccounts", "SupabaseWithTable", "supabase_accounts"]


def supabase_accounts(wanted: AccountSettings, database: Database) -> AccountStore:
    """Return the store of the project; where a table is set, people are looked up there."""
    if not wanted.table.table:
        return SupabaseAccounts(wanted.supabase)
    from keyturn.accounts.table import table_accounts  # noqa: PLC0415 - only who has such a table pays for it

    # A column for passwords, if there is one from earlier days, says nothing any more.
    people = msgspec.structs.replace(wanted.table, password="")
    return SupabaseWithTable(table_accounts(people, database), SupabaseAccounts(wanted.supabase))
