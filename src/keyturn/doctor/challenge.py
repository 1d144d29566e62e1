"""Checks that answers to the challenge can be verified, and that the service knows our secret."""

from urllib.parse import urlsplit

from keyturn.finding import Finding
from keyturn.problems.requests import ChallengeUnready
from keyturn.reset.proofs.captcha import SERVICES, SiteVerify
from keyturn.settings import Settings

_NAME = "challenge"


async def check_challenge(settings: Settings) -> list[Finding]:
    """Send the service an invalid answer: its reply shows whether it knows the secret."""
    chosen = settings.challenge
    if chosen.method not in {"turnstile", "hcaptcha"}:
        return [Finding(_NAME, "ok", "puzzles are made and checked here, without any service")]
    service = SERVICES[chosen.method]
    url = chosen.url or service.url
    verifier = SiteVerify(url, chosen.timeout)
    form = {"secret": str(chosen.secret), "response": "nobody"}
    if service.names_site:
        form["sitekey"] = chosen.site_key
    try:
        verdict = await verifier.ask(form)
    except ChallengeUnready as error:
        happens = "taken" if chosen.on_failure == "open" else "refused"
        mend = f"Let this machine connect to it: until it answers, requests for links are {happens}."
        return [Finding(_NAME, "fail", f"{urlsplit(url).hostname}: {error}", mend)]
    finally:
        await verifier.close()
    if refused := verdict.names((*service.misconfigured, *service.elsewhere)):
        mend = "Copy challenge.secret and challenge.site_key of one and the same site once more."
        return [Finding(_NAME, "fail", f"{urlsplit(url).hostname} refuses the secret: {refused}", mend)]
    if verdict.success:
        mend = "It takes whatever it is shown: these are keys for tests. Use those of a site of yours."
        return [Finding(_NAME, "warn", f"{urlsplit(url).hostname} takes an answer that nobody gave", mend)]
    return [Finding(_NAME, "ok", f"{urlsplit(url).hostname} answers, and knows the secret")]
