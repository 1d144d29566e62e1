"""What a provider's API says to the doctor, or a finding where it says nothing that helps."""

from keyturn.doctor.finding import Finding
from keyturn.errors import SendRefused, SendRetryable
from keyturn.mail.transports.provider_api import SERVER_FAULT, TOO_MANY, Answer, ProviderApi


async def answer_of(provider: str, api: ProviderApi, path: str, method: str = "GET") -> Answer | Finding:
    """Return the answer; a finding where nobody answers, or a provider in trouble does, which is no verdict."""
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


def odd_answer(provider: str, api: ProviderApi, answer: Answer) -> Finding:
    message = f"{api.url} does not answer as {provider} does ({answer.status})"
    return fail(provider, message, f"Correct {provider}.api_url, or take it out.")


def fail(provider: str, message: str, mend: str) -> Finding:
    return Finding(provider, "fail", message, mend)
