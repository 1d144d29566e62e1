"""Phrases of the mails that are made from what users and browsers say."""

import re
import unicodedata
from collections.abc import Mapping

from keyturn.mail.languages.language import Language, SourceTexts
from keyturn.service.accounts.port import one_line

_LIKE_A_LINK = re.compile(r"[/@]|www\.|\S[.\u3002]\w[^\s.,;)'\u2019-]", re.IGNORECASE)
"""A slash, an @, or a dot with two letters after it and no space, as in evil.com. "J.R. Ewing" and
"St. John" do not match.
"""

_TURNS_TEXT_ROUND = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""The explicit formatting characters of Unicode's UAX 9, 2."""


def greeting_name(name: str) -> str:
    """Return the name in one line; "" if a mail program would make a link of it, or show it in
    another order than it is written.

    Users choose their names, so an attacker could choose a link and mail it to any address.
    """
    line = one_line(name)
    if any(map(_is_unseen, line)):
        return ""
    # Full-width signs count as plain ones (UTS 46).
    if _LIKE_A_LINK.search(unicodedata.normalize("NFKC", line)):
        return ""
    return line


def _is_unseen(character: str) -> bool:
    """Tell whether it is a control character, or changes the direction of text (UTS 55)."""
    return (
        unicodedata.category(character) == "Cc"
        or unicodedata.bidirectional(character) in _TURNS_TEXT_ROUND
    )


_ENDED = (
    "sessions",
    "passkeys",
    "access_tokens",
    "api_keys",
    "ssh_keys",
    "oauth_grants",
    "trusted_devices",
)
"""The kinds of credentials, in the order of a mail."""


def ended_in_words(counts: Mapping[str, int], language: Language) -> str:
    """Return the counts as a list in words, such as "3 sessions and 1 access token".

    Kinds that only an app's store knows are left out.
    """
    known = [kind for kind in _ENDED if counts.get(kind)]
    return language.join_list(_in_words(kind, counts[kind], language) for kind in known)


def _in_words(kind: str, number: int, texts: SourceTexts) -> str:
    match kind:
        case "sessions":
            return texts.ngettext("%(num)s session", "%(num)s sessions", number)
        case "passkeys":
            return texts.ngettext("%(num)s passkey", "%(num)s passkeys", number)
        case "access_tokens":
            return texts.ngettext("%(num)s access token", "%(num)s access tokens", number)
        case "api_keys":
            return texts.ngettext("%(num)s API key", "%(num)s API keys", number)
        case "ssh_keys":
            return texts.ngettext("%(num)s SSH key", "%(num)s SSH keys", number)
        case "oauth_grants":
            return texts.ngettext("%(num)s app permission", "%(num)s app permissions", number)
        case "trusted_devices":
            return texts.ngettext("%(num)s trusted device", "%(num)s trusted devices", number)
    raise ValueError(f"no words for {kind}")


_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "YaBrowser/": "Yandex Browser",
    "Vivaldi/": "Vivaldi",
    "DuckDuckGo/": "DuckDuckGo",
    "Ddg/": "DuckDuckGo",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
}
"""Parts of user agents, and the browsers that they name.

The first match counts: many browsers also name others that are further down.
"""

_SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iOS",
    "iPad": "iPadOS",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def device_name(user_agent: str, texts: SourceTexts) -> str:
    """Return for example "Firefox on Windows"; "" if no browser is recognised.

    A wrong guess would alarm the reader.
    """
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return texts.gettext("%(browser)s on %(system)s", browser=browser, system=system)
    return browser


def _first(names: Mapping[str, str], user_agent: str) -> str:
    for sign, name in names.items():
        if sign in user_agent:
            return name
    return ""
