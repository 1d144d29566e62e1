"""What a provider's HTTP API answers, and what `keyturn doctor` makes of it. It loads no HTTP client."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from keyturn.errors import SendRefused, SendRetryable
from keyturn.finding import Finding

if TYPE_CHECKING:
    from keyturn.mail.port.provider_api import ProviderApi

Document = TypeVar("Document")

OK, ACCEPTED, BAD_REQUEST, NOT_FOUND = 200, 202, 400, 404
ACCOUNT_REFUSED = {401, 403}
TOO_MANY, SERVER_FAULT = 429, 500


class Answer(msgspec.Struct, frozen=True):
    """What a provider said. `headers` are found whatever their case; `body` is empty where it was too long."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, form: type[Document]) -> Document | None:
        """Return the document; None where it is not of that form."""
        try:
            return msgspec.json.decode(self.body, type=form)
        except (msgspec.MsgspecError, ValueError):
            return None


async def ask_for_doctor(provider: str, api: "ProviderApi", path: str, method: str = "GET") -> Answer | Finding:
    """Return the answer; a finding if the provider cannot be reached or is in trouble, which is no verdict."""
    try:
        answer = await api.ask(method, path)
    except SendRefused as error:
        return fail(provider, f"cannot be asked: {error.reason}", f"Correct the key in [{provider}].")
    except SendRetryable:
        mend = f"Let this machine connect to {api.url}, or correct [{provider}]."
        return fail(provider, f"{api.url} cannot be reached", mend)
    if answer.status == TOO_MANY or answer.status >= SERVER_FAULT:
        again = "Run `keyturn doctor` again in a while."
        return Finding(provider, "warn", f"could not be checked ({answer.status})", again)
    return answer


def odd_answer(provider: str, api: "ProviderApi", answer: Answer) -> Finding:
    message = f"{api.url} does not answer as {provider} does ({answer.status})"
    return fail(provider, message, f"Correct {provider}.api_url, or take it out.")


def fail(provider: str, message: str, mend: str) -> Finding:
    return Finding(provider, "fail", message, mend)
