"""Rules for passkeys: their domain, their origins, and where they are stored."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from keyturn.errors import Fault
from keyturn.hosts import is_host, is_loopback, is_loopback_address, is_origin
from keyturn.settings import Settings
from keyturn.settings.url_rules import policy_faults


def passkey_faults(settings: Settings) -> Iterator[Fault]:
    """Yield what is wrong; nothing while passkeys are off, but for a table that would have no use."""
    passkeys, accounts = settings.passkeys, settings.accounts
    if accounts.table.passkeys.table and not accounts.table.passkeys.format:
        yield Fault("accounts.table.passkeys.format", "missing: the library that reads the passkeys")
    if not passkeys.enabled:
        if accounts.table.passkeys.format:
            yield Fault("accounts.table.passkeys", "is set, but passkeys.enabled is not")
        return
    if accounts.store == "supabase":
        message = "Supabase's API cannot store a passkey that another service has created: turn it off"
        yield Fault("passkeys.enabled", message)
    elif accounts.store == "ldap":
        yield Fault("passkeys.enabled", "a directory keeps no passkeys: turn it off")
    elif accounts.store == "table" and not accounts.table.passkeys.format:
        yield Fault("accounts.table.passkeys.format", "missing: passkeys.enabled is set")
    if not settings.secret_key and settings.environment == "production":
        yield Fault("KEYTURN_SECRET_KEY", "missing: passkeys.enabled is set, and it seals their challenges")
    yield from _domain(settings)
    for name, url in (("enroll_url", passkeys.enroll_url), ("manage_url", passkeys.manage_url)):
        if url and not is_secure(url):
            yield Fault(f"passkeys.{name}", "must begin with https://")
        else:
            yield from policy_faults(f"passkeys.{name}", url)


def _domain(settings: Settings) -> Iterator[Fault]:
    """Yield origins at which no browser would use the passkeys (WebAuthn Level 3, 5.1.3, "effective domain")."""
    domain = settings.rp_id
    if not is_host(domain) or domain != domain.lower():
        yield Fault("passkeys.rp_id", f"must be a domain in small letters, such as example.org, not {domain}")
    elif is_loopback_address(domain):
        yield Fault("passkeys.enabled", "browsers have no passkeys for an IP address: use localhost in base_url")
    elif "." not in domain and domain != "localhost":
        yield Fault("passkeys.rp_id", f"{domain} is a top-level domain: use your own domain")
    for name, origin in (
        ("base_url", settings.origin),
        *(("passkeys.origins", one) for one in settings.passkeys.origins),
    ):
        host = urlsplit(origin).hostname or ""
        if name != "base_url" and not is_origin(origin):
            yield Fault(name, f"must be an origin such as https://app.example.org, not {origin}")
        elif not is_secure(origin):
            yield Fault(name, f"{origin}: browsers have passkeys only for https, and for http://localhost")
        elif host != domain and not host.endswith(f".{domain}"):
            yield Fault("passkeys.rp_id", f"must be the host of {origin} or a parent domain of it, not {domain}")


def is_secure(url: str) -> bool:
    """Tell whether browsers treat the address as secure (Secure Contexts, 3.1)."""
    return url.startswith("https://") or (url.startswith("http://") and is_loopback(url))
