"""Builds the links in mails from the settings alone, never from a request's headers (CVE-2017-8295)."""

from urllib.parse import quote

import msgspec

from keyturn.settings import Settings


class PageUrls(msgspec.Struct, frozen=True, kw_only=True):
    """Makes links from the patterns of the settings. Without a pattern there are no such links."""

    base_url: str
    reset_url: str
    forgot_url: str
    sign_in_url: str
    secure_url: str = ""
    mute_url: str = ""

    def secure(self, token: str) -> str:
        return self.secure_url.format(base_url=self._base, token=token)

    def mute(self, token: str) -> str:
        return self.mute_url.format(base_url=self._base, token=token)

    def reset(self, token: str, email: str) -> str:
        return self.reset_url.format(base_url=self._base, token=token, email=quote(email, safe=""))

    def forgot(self) -> str:
        return self.forgot_url.format(base_url=self._base)

    def sign_in(self) -> str:
        return self.sign_in_url.format(base_url=self._base)

    @property
    def _base(self) -> str:
        return self.base_url.rstrip("/")


def build(settings: Settings) -> PageUrls:
    return PageUrls(
        base_url=settings.base_url,
        reset_url=settings.reset_url,
        forgot_url=settings.forgot_url,
        sign_in_url=settings.sign_in_page,
        secure_url=settings.secure_account.url,
        mute_url=settings.mute.url,
    )
