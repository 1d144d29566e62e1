"""What the doctor says of a directory: its servers, its password policy, and the service account's rights.

A right is tried without changing anything: the account asks to delete a value that no entry has. If the right exists,
the server says that there is no such value, otherwise that the right is missing (RFC 4511 4.6 and appendix A).
"""

import os

import msgspec

from keyturn.hosts import is_loopback
from keyturn.mail.port.finding import Finding
from keyturn.service.accounts.ldap import messages
from keyturn.service.accounts.ldap.connection import Connection
from keyturn.service.accounts.ldap.dialects import NO_RIGHT, OpenLdap
from keyturn.service.accounts.ldap.directory import Directory
from keyturn.service.problems.requests import AccountsUnready
from keyturn.service.settings import LdapSettings

_UNTRIED = {17, 21}
"""The server does not know the attribute, or found the value itself wrong."""

_NO_VALUES = {"lockoutTime": "1", "userAccountControl": "1", "pwdAccountLockedTime": "19010101000000Z"}
"""Values of the right form that no entry has."""

_TAKES_OVER = ("mail", "cn", "userAccountControl", "servicePrincipalName")
"""Attributes by which their writer could receive another person's links, or sign in as that person."""

_GUIDE = "The page on LDAP in the documentation shows rights that suffice."


async def findings(settings: LdapSettings, dialect: OpenLdap) -> list[Finding]:
    found: list[Finding] = []
    for url in settings.servers:
        directory = Directory(msgspec.structs.replace(settings, servers=(url,)))
        try:
            found += await directory.work(lambda connection: _examine(connection, settings, dialect))
        except AccountsUnready as error:
            found.append(_warn(str(error), "Start the server, or remove it from accounts.ldap.servers."))
        finally:
            await directory.close()
        if url.startswith("ldap://") and not settings.start_tls and not is_loopback(url):
            found.append(_warn(f"passwords reach {url} without TLS", "Use ldaps://, or set accounts.ldap.start_tls."))
    return list(dict.fromkeys(found))


def _warn(message: str, mend: str) -> Finding:
    return Finding("accounts", "warn", message, mend)


async def _examine(connection: Connection, settings: LdapSettings, dialect: OpenLdap) -> list[Finding]:
    found = []
    is_ad = settings.kind == "active_directory"
    controls = await connection.read("", "supportedControl")
    if not is_ad and messages.PASSWORD_POLICY not in controls.texts("supportedControl"):
        message = f"{connection.url} has no password policy: it neither locks accounts nor refuses old passwords"
        found.append(_warn(message, "Add the overlay ppolicy."))
    someone = await _some_account(connection, settings, dialect)
    if not someone:
        message = "no account is found in the directory below accounts.ldap.base"
        return [*found, _warn(message, "Correct base and where, or let the service account search there.")]
    needed = {"userPassword": "resets fail", "pwdAccountLockedTime": "lockouts may last"}
    if is_ad:  # the right "Reset Password" is no right to write an attribute, so it cannot be tried
        needed = {"lockoutTime": "resets of locked accounts fail"}
    for attribute, effect in needed.items():
        if not await _may_write(connection, someone, attribute):
            found.append(_warn(f"{settings.bind_dn} may not write {attribute}, so {effect}", f"Grant it. {_GUIDE}"))
    risky = dict.fromkeys((settings.phone, settings.aliases, *_TAKES_OVER))
    excess = [one for one in risky if one and await _may_write(connection, someone, one)]
    if excess:
        message = f"{settings.bind_dn} may write {', '.join(excess)}: who has its password could take accounts over"
        found.append(_warn(message, f"Take these rights away. {_GUIDE}"))
    return found


async def _some_account(connection: Connection, settings: LdapSettings, dialect: OpenLdap) -> str:
    """Return the name of an account's entry, other than the service account's; "" if there is none."""
    where = [messages.equal(name, value) for name, value in (settings.where or dialect.where).items()]
    present = messages.octets("mail", 0x87)
    wanted = messages.search(settings.base, messages.every([*where, present]), ("1.1",), most=2, seconds=5)
    entries = (await connection.ask(wanted)).entries
    return next((entry.dn for entry in entries if entry.dn.lower() != settings.bind_dn.lower()), "")


async def _may_write(connection: Connection, dn: str, attribute: str) -> bool:
    """Return whether the right exists. Without it, servers say so before they look at the entry."""
    value = _NO_VALUES.get(attribute) or os.urandom(16).hex()
    result = await connection.ask(messages.modify(dn, [("delete", attribute, [value])]), changes=True)
    return result.code not in {NO_RIGHT, *_UNTRIED}
