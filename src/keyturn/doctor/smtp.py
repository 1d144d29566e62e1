"""The SMTP server: connect, encrypt, log in, and ask whether it takes mails from this sender. None is sent."""

import ssl
from email.utils import parseaddr

from keyturn.doctor.finding import Finding
from keyturn.settings import Settings, SmtpSettings, is_loopback


async def check_smtp(settings: Settings) -> list[Finding]:
    try:
        import aiosmtplib  # noqa: PLC0415 - an extra

        from keyturn.mail.transports.smtp import connection_options  # noqa: PLC0415
    except ModuleNotFoundError:
        return [_fail("SMTP needs its library", "Run `pip install 'keyturn[smtp]'`.")]
    s = settings.smtp
    sender = parseaddr(settings.mail.from_)[1]
    try:
        async with aiosmtplib.SMTP(**connection_options(s)) as client:
            await client.mail(sender)
            await client.rset()
    except aiosmtplib.SMTPAuthenticationError as error:
        mend = "Correct smtp.username and smtp.password; Gmail takes an app password, not the account's."
        return [_fail(f"{s.host} refused the log-in ({error.code})", mend)]
    except aiosmtplib.SMTPSenderRefused as error:
        mend = "Set mail.from to an address that this account may send from, or smtp.username and smtp.password."
        return [_fail(f"{s.host} refused {sender} as the sender ({error.code})", mend)]
    except aiosmtplib.SMTPResponseException as error:
        mend = "Ask who runs the server, or set smtp.host to another."
        return [_fail(f"{s.host} refused the connection ({error.code})", mend)]
    except (aiosmtplib.SMTPException, OSError) as error:
        return [_explain_failure(s, error.__cause__ or error)]
    return [*_check_encryption(s), _success(s)]


def _explain_failure(s: SmtpSettings, error: BaseException) -> Finding:
    where = f"{s.host}:{s.port}"
    match error:
        case ssl.SSLCertVerificationError():
            mend = "Set smtp.host to the name in the certificate, or SSL_CERT_FILE to who issued it."
            return _fail(f"the certificate of {where} is not valid: {error.verify_message}", mend)
        case ssl.SSLError():
            return _fail(f"{where} does not speak TLS from the first byte", 'Set smtp.security to "starttls".')
        case OSError():
            mend = "Correct smtp.host and smtp.port, and let this machine connect to them."
            return _fail(f"cannot connect to {where}: {error.strerror or type(error).__name__}", mend)
        case _ if "AUTH" in str(error):
            return _fail(f"{where} offers no log-in", "Take smtp.username out, or set smtp.security to encrypt.")
        case _ if "STARTTLS" in str(error):
            return _fail(f"{where} does not offer STARTTLS", 'Set smtp.security to "tls" and smtp.port to 465.')
        case _:
            return _fail(
                f"{where}: {str(error) or type(error).__name__}", "Correct smtp.host, smtp.port and smtp.security."
            )


def _check_encryption(s: SmtpSettings) -> list[Finding]:
    host = f"[{s.host}]" if ":" in s.host else s.host
    if s.security != "none" or is_loopback(f"smtp://{host}"):
        return []
    mend = 'Set smtp.security to "starttls" or "tls".'
    return [Finding("smtp", "warn", "not encrypted: anybody on the way can read the links", mend)]


def _success(s: SmtpSettings) -> Finding:
    done = ["connected", *(["encrypted"] if s.security != "none" else []), *(["logged in"] if s.username else [])]
    return Finding("smtp", "ok", f"{s.host}:{s.port} takes mails: {', '.join(done)}")


def _fail(message: str, mend: str) -> Finding:
    return Finding("smtp", "fail", message, mend)
