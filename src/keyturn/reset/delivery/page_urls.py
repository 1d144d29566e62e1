"""PageUrls are built from the settings alone, never from a request's headers (CVE-2017-8295)."""

from urllib.parse import quote

import msgspec


class PageUrls(msgspec.Struct, frozen=True, kw_only=True):
    """The patterns of the settings, and the links that they make."""

    base_url: str
    reset_url: str
    forgot_url: str
    sign_in_url: str

    def reset(self, token: str, email: str) -> str:
        return self.reset_url.format(base_url=self._base, token=token, email=quote(email, safe=""))

    def forgot(self) -> str:
        return self.forgot_url.format(base_url=self._base)

    def sign_in(self) -> str:
        return self.sign_in_url.format(base_url=self._base)

    @property
    def _base(self) -> str:
        return self.base_url.rstrip("/")
