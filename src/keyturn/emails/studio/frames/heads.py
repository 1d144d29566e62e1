"""Where the studio puts what it adds to a mail: first in the head, so that whatever the mail says counts."""

import re

_BEFORE = re.compile(r"<head(?:\s[^<>]*)?>|<html(?:\s[^<>]*)?>|<!doctype[^<>]*>", re.IGNORECASE)


def insert_in_head(html: str, markup: str) -> str:
    """Return the HTML with the markup in its head, also where the tag is left out: behind what comes before it."""
    found = list(_BEFORE.finditer(html))
    heads = [tag for tag in found if tag[0][:5].lower() == "<head"]
    place = (heads[0] if heads else found[-1]).end() if found else 0
    return html[:place] + markup + html[place:]
