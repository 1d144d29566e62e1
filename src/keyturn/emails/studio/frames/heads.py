"""Where the studio puts what it adds to a mail: before all of it, so that whatever the mail says counts."""

import re

# What may stand before a doctype and leaves it one, in forms that a parser cannot end elsewhere: blanks, comments and
# instructions without a ">" within; and the doctype, which ends at its first ">" (HTML Standard 13.2.5.53 to .68).
_DOCTYPE = re.compile(r"\ufeff?(?:[\t\n\f\r ]|<!--(?!-?>)[^>]*-->|<\?[^>]*>)*<!doctype[^>]*>", re.IGNORECASE | re.ASCII)


def insert_in_head(html: str, markup: str) -> str:
    """Return the HTML with the markup before everything but the doctype, which decides how a browser draws the rest.

    A parser puts metadata that comes before any other element into the head, and adds the attributes of the <html> that
    follows to the element (HTML Standard 13.2.6.4.3, 13.2.6.4.4). A place behind a tag of the mail could be one in a
    comment, where the markup would not count.
    """
    doctype = _DOCTYPE.match(html)
    place = doctype.end() if doctype else 0
    return html[:place] + markup + html[place:]
