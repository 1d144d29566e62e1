"""What the rooms of a process share. A room offers `build(settings, ground)`, and `parts` connects the rooms' ports."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from keyturn.service.accounts.port import AccountStore
from keyturn.service.accounts.store_factory import accounts_for
from keyturn.service.clock import random_bytes
from keyturn.service.database import Database
from keyturn.service.reset.events import Callback
from keyturn.service.reset.mails.theme import Themes
from keyturn.service.reset.rate_limits import RateLimits
from keyturn.service.reset.records import stores
from keyturn.service.reset.records.stores import Records
from keyturn.service.settings import Settings
from keyturn.service.telemetry.meters import Meters

if TYPE_CHECKING:
    from keyturn.service.reset.reset_hook import BeforeReset


class FromApp(Struct, frozen=True, kw_only=True):
    """Objects and functions that an app brings beside its settings.

    `database`, `accounts`: used instead of those that the settings name.
    `callbacks`: functions that are told of events, by event.
    `before_reset`: a function that is asked before a reset.
    """

    database: Database | None = None
    accounts: AccountStore | None = None
    callbacks: Mapping[str, Callback[Any]] = field(default_factory=dict)
    before_reset: "BeforeReset | None" = None


class Ground(Struct, frozen=True, kw_only=True):
    """Everything that rooms share. `secrets`: the keys, the newest first."""

    records: Records
    accounts: AccountStore
    limits: RateLimits
    secrets: Sequence[str]
    themes: Themes
    meters: Meters
    app: FromApp


def build(settings: Settings, app: FromApp, themes: Themes, meters: Meters) -> Ground:
    """Open the database of the settings, or take the app's, and build the stores. Raises SettingsInvalid."""
    kept = settings.database
    database = app.database or Database(kept.url, schema=kept.schema, timeout=kept.timeout)
    return Ground(
        records=stores.build(settings, database),
        accounts=app.accounts or accounts_for(settings, database),
        limits=RateLimits(settings.limits, database),
        # Without a key, as in development, one that ends with the process.
        secrets=[settings.secret_key or random_bytes(32).hex(), *settings.previous_secret_keys],
        themes=themes,
        meters=meters,
        app=app,
    )
