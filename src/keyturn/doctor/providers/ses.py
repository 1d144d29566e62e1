"""Amazon SES: whether the key is taken, the account may send to everybody, fast enough, and from this domain."""

from collections.abc import Iterator

import msgspec

from keyturn.doctor.domain import domain_of
from keyturn.doctor.finding import Finding
from keyturn.doctor.providers.asking import answer_of, fail, odd_answer
from keyturn.mail.transports.provider_api import ACCOUNT_REFUSED, BAD_REQUEST, NOT_FOUND, OK, Answer
from keyturn.mail.transports.ses.sender import error_type, open_api
from keyturn.settings import SesSettings, Settings

_NOT_ALLOWED = "AccessDeniedException"
"""The key is one of AWS's, and its policy does not hold this call."""

_CONSOLE = "https://console.aws.amazon.com/ses"
_NEW_KEY = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of an IAM user, and look at this machine's clock."


class _Quota(msgspec.Struct, rename="pascal"):
    max_send_rate: float


class _Account(msgspec.Struct, rename="pascal"):
    """Says what may be sent in a region (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html)."""

    sending_enabled: bool
    production_access_enabled: bool
    send_quota: _Quota


class _Identity(msgspec.Struct, rename="pascal"):
    """Says who may be a sender (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html)."""

    verified_for_sending_status: bool


async def check_ses(settings: Settings) -> list[Finding]:
    """Ask with the sender's own client. A key that may only send sees neither the account nor the domain."""
    ses, api = settings.ses, open_api(settings.ses)
    try:
        answer = await answer_of("ses", api, "/v2/email/account")
        if isinstance(answer, Finding):
            return [answer]
        if answer.status in {BAD_REQUEST, *ACCOUNT_REFUSED}:
            return [_judge_refusal(answer)]
        account = answer.read(_Account) if answer.status == OK else None
        if not account:
            return [odd_answer("ses", api, answer)]
        name = domain_of(settings.mail.from_)
        identity = await answer_of("ses", api, f"/v2/email/identities/{name}")
        judged = [identity] if isinstance(identity, Finding) else _judge_identity(identity, name, ses.region)
        return [*_judge_account(account, ses), *judged]
    finally:
        await api.close()


def _judge_refusal(answer: Answer) -> Finding:
    kind = error_type(answer)
    if kind == _NOT_ALLOWED:
        return Finding("ses", "ok", "the key is taken; it may not see the account, which is not needed")
    said = " ".join([str(answer.status), *([kind] if kind else [])])
    return fail("ses", f"the key is refused ({said})", _NEW_KEY)


def _judge_account(account: _Account, ses: SesSettings) -> Iterator[Finding]:
    if not account.sending_enabled:
        yield fail("ses", f"the key is taken, and the account may not send in {ses.region}", f"Look at {_CONSOLE}.")
        return
    yield Finding("ses", "ok", f"the key is taken, and the account may send in {ses.region}")
    if not account.production_access_enabled:
        message = "the account is in the sandbox: mails reach verified addresses alone"
        yield Finding("ses", "warn", message, f"Request production access at {_CONSOLE}.")
    if account.send_quota.max_send_rate < ses.rate:
        rate = f"{account.send_quota.max_send_rate:g}"
        message = f"SES takes {rate} mails a second, and ses.rate is {ses.rate:g}"
        yield Finding("ses", "warn", message, f"Set ses.rate to {rate}.")


def _judge_identity(answer: Answer, name: str, region: str) -> list[Finding]:
    identity = answer.read(_Identity) if answer.status == OK else None
    if identity and identity.verified_for_sending_status:
        return [Finding("ses", "ok", f"{name} is verified")]
    if identity:
        return [fail("ses", f"{name} is not verified yet", f"Add the records that {_CONSOLE} shows to the DNS.")]
    if answer.status == NOT_FOUND:
        # An address may be verified without its domain; its mails fail DMARC.
        message = f"{name} is none of the account's domains in {region}"
        return [Finding("ses", "warn", message, f"Verify the domain at {_CONSOLE}, in that region.")]
    return []
