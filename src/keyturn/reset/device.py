"""A user agent as a person would name it."""


def device_name(user_agent: str) -> str:
    """Return for example "Firefox on Windows"; "" where nothing is recognised, since a wrong guess would alarm."""
    from ua_parser import parse  # noqa: PLC0415 - its patterns take a while to compile, and only mails need them

    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return " on ".join(part for part in (browser, system) if part and part != "Other")
