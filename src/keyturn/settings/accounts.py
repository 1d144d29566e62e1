"""Settings for the account store, and for the kinds of accounts."""

from datetime import timedelta

import msgspec

from keyturn.texts import Folder, Secret

PASSWORD_PROVIDERS = ("", "credentials", "default", "email", "local", "password")
"""What apps write into the provider's column of an account that signs in with a password."""


class TableSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An app's own table. `table` is its name, or `schema.name`; the others are names of its columns, "" for none.

    `url` is empty where the table is in Keyturn's own database. `active` may be "not deleted_at": then an account is
    active where that column is null, false or 0; or "status = active | invited". An account whose `provider` is none of
    `password_providers` signs in elsewhere. `set` are columns that a change of the password sets: "{now}" is the time,
    "{null}" is NULL. `delete` are columns of other tables that hold the account's id, as `sessions.user_id`: a change
    deletes those rows. `lock` are columns that lock an account, written as `set`, and `unlock` those that undo it.
    """

    url: Secret = Secret("")
    table: str = ""
    id: str = "id"
    email: str = "email"
    password: str = "password_hash"
    name: str = ""
    active: str = ""
    provider: str = ""
    kind: str = ""
    locale: str = ""
    timezone: str = ""
    password_providers: tuple[str, ...] = PASSWORD_PROVIDERS
    set: dict[str, bool | int | float | str] = {}
    delete: tuple[str, ...] = ()
    lock: dict[str, bool | int | float | str] = {}
    unlock: dict[str, bool | int | float | str] = {}


class SupabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A project of Supabase's. Its service-role key may do everything there."""

    url: str = ""
    service_role_key: Secret = Secret("")
    timeout: timedelta = timedelta(seconds=10)


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the accounts are.

    `store` is builtin, table, supabase, or `package.module:factory`, which is called with the settings.

    With supabase and a `table`, people are looked up in the table, and the password is set at Supabase.
    """

    store: str = "builtin"
    table: TableSettings = TableSettings()
    supabase: SupabaseSettings = SupabaseSettings()


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What differs for accounts of one kind. `brand` holds the keys of [brand] that do.

    `settings_url` is where they have their security settings; `locales` a folder of catalogues, before all others.
    """

    settings_url: str = ""
    brand: dict[str, str | int] = {}
    locales: Folder = Folder("")


# Safeguards: what users can do about a change that was not theirs, and what an app may refuse


class SecureAccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The button "Secure your account" of the mail that confirms a change of the password.

    `url` is the page it leads to, with the places {base_url} and {token}; "" leaves it out, and the button asks for a
    new link. It works for `ttl`. `lock` says that the account is locked until its owner has chosen a new password.
    """

    url: str = "{base_url}/secure-your-account/{token}"
    ttl: timedelta = timedelta(hours=24)
    lock: bool = False


class MuteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The small link of a reset mail by which its mailbox gets no other one for `period`, whoever asks.

    `url` is the page it leads to, with the places {base_url} and {token}; "" leaves it out.
    """

    url: str = ""
    period: timedelta = timedelta(days=7)


class HookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the app's, as `package.module:function`, that are asked before something is done.

    `before_reset` may refuse a reset; it has `timeout` for that.
    """

    before_reset: str = ""
    timeout: timedelta = timedelta(seconds=5)
