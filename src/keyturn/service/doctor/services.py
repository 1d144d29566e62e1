"""Checks of other services: leaked passwords, the challenge."""

from urllib.parse import urlsplit

from keyturn.mail.port.finding import Finding
from keyturn.service.problems.requests import ChallengeUnready
from keyturn.service.reset.passwords.breaches import Breaches, BreachSourceFailed
from keyturn.service.reset.proofs.challenge import COMPLAINTS, Captcha
from keyturn.service.settings import Settings


async def check_breaches(settings: Settings) -> list[Finding]:
    """Ask as a reset does, within its time-out. Failures are warnings, since resets then skip the check."""
    # Without a path or a query, which may hold a key.
    url = settings.password.breaches_url
    source, where = Breaches(url), str(urlsplit(url).hostname)
    try:
        knows = await source.ask("password")
    except BreachSourceFailed as error:
        mend = "Let this machine connect, or correct password.breaches. Until then, Keyturn accepts leaked passwords."
        return [Finding("breaches", "warn", f"{where}: {error}", mend)]
    finally:
        await source.close()
    if not knows:
        message = f'{where} does not list the password "password", so it is not a list of leaked passwords'
        return [Finding("breaches", "warn", message, 'Set password.breaches to "hibp".')]
    return [Finding("breaches", "ok", f'{where} works: it lists the password "password"')]


async def check_challenge(settings: Settings) -> list[Finding]:
    """Send the service an invalid answer: its reply shows whether it knows the secret."""
    chosen = settings.challenge
    if chosen.method not in {"turnstile", "hcaptcha"}:
        return [Finding("challenge", "ok", "Keyturn makes and checks the puzzles itself, without a service")]
    service = Captcha(chosen, hosts=())
    host = urlsplit(service.url).hostname
    try:
        verdict = await service.ask("nobody")
    except ChallengeUnready as error:
        mend = "Let this machine connect to it. Until it answers, requests for links are refused."
        return [Finding("challenge", "fail", f"{host}: {error}", mend)]
    finally:
        await service.close()
    if refused := [code for code in verdict.codes if code in COMPLAINTS]:
        mend = "Copy challenge.secret and challenge.site_key again, both from the same site."
        return [Finding("challenge", "fail", f"{host} refuses the secret: {', '.join(refused)}", mend)]
    if verdict.success:
        mend = "These are test keys, which accept every answer. Use the keys of your own site."
        return [Finding("challenge", "warn", f"{host} accepts a made-up answer", mend)]
    return [Finding("challenge", "ok", f"{host} answers, and accepts the secret")]
