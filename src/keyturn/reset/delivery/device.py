"""A user agent as a person would name it."""

from keyturn.languages import SourceTexts


def device_name(user_agent: str, texts: SourceTexts) -> str:
    """Return for example "Firefox on Windows"; "" where nothing is recognised, since a wrong guess would alarm."""
    from ua_parser import parse

    found = parse(user_agent)
    named = [part.family for part in (found.user_agent, found.os) if part and part.family not in ("", "Other")]
    if len(named) < 2:  # a browser and a system
        return "".join(named)
    return texts.gettext("%(browser)s on %(system)s", browser=named[0], system=named[1])
