"""Accounts at Supabase Auth, alone or with people looked up in a table.

An address that was never confirmed becomes confirmed by its first link, as with a link of Supabase's own, and no name
is mailed to it before. A password that Supabase took is changed, whether or not the table could note it. Declined:
`supabase-auth`, which brings pydantic and pyjwt for three calls, and whose list of users has no filter.
"""

import msgspec

from keyturn.accounts.port import AccountStore
from keyturn.accounts.supabase.accounts import PeopleTable, SupabaseAccounts, SupabaseWithTable
from keyturn.database import Database
from keyturn.settings import AccountSettings

__all__ = ["PeopleTable", "SupabaseAccounts", "SupabaseWithTable", "supabase_accounts"]


def supabase_accounts(wanted: AccountSettings, database: Database) -> AccountStore:
    """Return the store of the project; where a table is set, people are looked up there."""
    if not wanted.table.table:
        return SupabaseAccounts(wanted.supabase)
    from keyturn.accounts.table import table_accounts

    # A column for passwords, if there is one from earlier days, says nothing any more.
    people = msgspec.structs.replace(wanted.table, password="")
    return SupabaseWithTable(table_accounts(people, database), SupabaseAccounts(wanted.supabase))
