"""Whether the accounts are where the settings say, and as they say."""

from keyturn.accounts.choosing import accounts_for
from keyturn.accounts.port import AccountStore, KnowsHashes
from keyturn.database import Database
from keyturn.doctor.finding import Finding
from keyturn.errors import AccountsUnready, DatabaseUnready, SettingsInvalid
from keyturn.settings import Settings, hosted_path


async def check_accounts(settings: Settings, given: AccountStore | None = None) -> list[Finding]:
    """Check a store that is not Keyturn's own: the one that an app handed over, or that the settings name."""
    database = Database(settings.database.url)
    try:
        store = given or accounts_for(settings, database)
        try:
            await store.require_ready()
        finally:
            await store.close()
    except SettingsInvalid as error:
        mend = "Put it right in the file; nothing starts without."
        return [Finding("accounts", "fail", f"{fault.name}: {fault.message}", mend) for fault in error.faults]
    except (AccountsUnready, DatabaseUnready) as error:
        mend = "Until they can be reached, no link is sent and every reset is answered with 503."
        return [Finding("accounts", "fail", str(error), mend)]
    finally:
        await database.close()
    fine = Finding("accounts", "ok", f"the store {settings.accounts.store} is as the settings say")
    if hosted_path(settings.sign_in_page) and not isinstance(store, KnowsHashes):
        return [
            fine,
            Finding(
                "accounts", "warn", "sign_in_url: nobody can sign in on Keyturn's own page with this store",
                "Set sign_in_url to the page where people sign in to your app.",
            ),
        ]  # fmt: skip
    return [fine]
