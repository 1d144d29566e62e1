"""The rules for a password in words, in any language."""

from keyturn.languages import SourceTexts


def rule_text(name: str, limit: int | None, texts: SourceTexts) -> str:
    """Return what a rule asks for, as part of a sentence; "" for a rule that is not one of Keyturn's."""
    match name:
        case "min_length":
            return texts.ngettext(
                "at least %(limit)s character", "at least %(limit)s characters", limit or 0, limit=limit
            )
        case "max_bytes":
            return texts.gettext(
                "at most %(limit)s bytes: %(limit)s plain letters, fewer with accents or emoji", limit=limit
            )
        case "uppercase":
            return texts.gettext("an upper-case letter")
        case "lowercase":
            return texts.gettext("a lower-case letter")
        case "digit":
            return texts.gettext("a digit")
        case "special":
            return texts.gettext("a special character")
        case "common":
            return texts.gettext("not one of the common passwords")
        case "personal":
            return texts.gettext("not your address or the name of the site")
        case _:
            return ""
