"""Finds tables of sessions, passkeys, tokens or keys that stay valid after a new password."""

from keyturn.errors import SettingsInvalid
from keyturn.mail.port.check_result import CheckResult, warn
from keyturn.service.accounts.store_factory import ends_sessions
from keyturn.service.onboarding.credential_tables import endings, lasting, sessions_left
from keyturn.service.onboarding.settings_file import ending_line
from keyturn.service.onboarding.survey import app_database, tables_in, tables_of_its_app
from keyturn.service.settings import Settings

_FIX_OF_SESSIONS = (
    "Let your app end them when it gets the webhook password.changed. Then add a column of it to"
    ' [accounts.table.ends] with what = "sessions" and when = "never", so that no email says that '
    "Keyturn ended them."
)
_FIX_WITHOUT_OWNER = (
    "Let your app end them when it gets the webhook account.secured. Then add a column of it to "
    '[accounts.table.ends] with when = "never".'
)


async def check_credentials(settings: Settings) -> list[CheckResult]:
    """Return a finding for each table of sessions, passkeys, tokens or keys that no setting ends
    (CWE-613).

    There are none if the app's database cannot be read.
    """
    mapped = settings.accounts.table
    try:
        async with app_database(mapped.url or settings.database.url) as database:
            known = await database.read(tables_in)
    except SettingsInvalid:
        return []
    name = mapped.table
    if name not in known:
        name = name.rpartition(".")[2]
    if name not in known:
        return []
    tables = tables_of_its_app(name, known)
    fixes = {}
    for entry, ending in endings(tables[name], tables):
        table, _, _ = entry.rpartition(".")
        line = ending_line(entry, ending)
        fixes[table] = (
            f"Add to [accounts.table.ends]: `{line}`. If your app ends them, set "
            'when = "never" there.'
        )
    findings = []
    for table in sessions_left(mapped, tables[name], tables):
        findings.append(_session_finding(table, settings, fixes.get(table, _FIX_OF_SESSIONS)))
    others = [table for table, what in lasting(mapped, tables).items() if what != "sessions"]
    # Tables that a line of the settings can end come first.
    for table in sorted(others, key=lambda table: table not in fixes):
        message = f"{table}: its rows may let an intruder in after a new password"
        findings.append(warn(message, fixes.get(table, _FIX_WITHOUT_OWNER)))
    return findings


def _session_finding(name: str, settings: Settings, fix: str) -> CheckResult:
    message = f"{name}: its sessions go on after a new password"
    if ends_sessions(settings.accounts):
        message += ", although the email says that all devices are signed out"
    return warn(message, fix)
