"""Chooses the challenge that the settings name."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from keyturn.service.database import Database
from keyturn.service.reset.ground import Ground
from keyturn.service.reset.proofs.altcha import Altcha, SpentAnswerStore
from keyturn.service.reset.proofs.challenge import ChallengeJudge, RequestChallenge
from keyturn.service.settings import Settings


def build(settings: Settings, ground: Ground) -> RequestChallenge | None:
    """Return the check of requests; None if the settings name no challenge. Raises SettingsInvalid."""
    challenge = challenge_for(settings, ground.secrets, ground.records.database)
    return RequestChallenge(challenge, ground.limits, settings.challenge, ground.meters) if challenge else None


def challenge_for(settings: Settings, secrets: Sequence[str], database: Database) -> ChallengeJudge | None:
    """Return the adapter. The module of the services is imported only if the settings name one: httpx2 takes 0.1 s."""
    chosen = settings.challenge
    match chosen.method:
        case "none":
            return None
        case "altcha":
            return Altcha(secrets, _host(settings.base_url), cost=chosen.cost, spent=SpentAnswerStore(database))
        case "turnstile" | "hcaptcha" as name:
            from keyturn.service.reset.proofs.captcha import SERVICES, Captcha, SiteVerify

            verifier = SiteVerify(chosen.url or SERVICES[name].url)
            return Captcha(
                name, verifier, site_key=chosen.site_key, secret=chosen.secret, hosts=hosts_with_the_form(settings)
            )


def hosts_with_the_form(settings: Settings) -> frozenset[str]:
    """Return the hosts whose pages may request a link: ours, and those that the settings allow to call the API."""
    written = (settings.base_url, settings.forgot_url.format(base_url=settings.base_url))
    return frozenset(_host(url) for url in (*written, *settings.server.allowed_origins))


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
