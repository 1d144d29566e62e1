"""What people can do about what was not them, and what an app may have against a reset."""

from datetime import timedelta

import msgspec


class SecureAccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The button "Secure your account" of the mail that confirms a change of the password.

    `url` is the page it leads to, with the places {base_url} and {token}; "" leaves it out, and the button asks for a
    new link. It works for `ttl`. `lock` says that the account is locked until its owner has chosen a new password.
    """

    url: str = "{base_url}/secure-your-account/{token}"
    ttl: timedelta = timedelta(hours=24)
    lock: bool = False


class MuteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The small link of a reset mail by which its mailbox gets no other one for `period`, whoever asks.

    `url` is the page it leads to, with the places {base_url} and {token}; "" leaves it out.
    """

    url: str = ""
    period: timedelta = timedelta(days=7)


class HookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Functions of the app's, as `package.module:function`, that are asked before something is done.

    `before_reset` may refuse a reset; it has `timeout` for that.
    """

    before_reset: str = ""
    timeout: timedelta = timedelta(seconds=5)
