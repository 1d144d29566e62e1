"""The rules for a password in words, in any language."""

from keyturn.languages import SourceTexts


def rule_text(name: str, limit: int | None, texts: SourceTexts) -> str:
    """Return what a rule asks for, as part of a sentence; "" for a rule of somebody else's."""
    match name:
        case "min_length" | "weak_length" if limit:
            return texts.ngettext("at least %(limit)s character", "at least %(limit)s characters", limit, limit=limit)
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
            return _refusal_text(name, texts)


def _refusal_text(name: str, texts: SourceTexts) -> str:
    """Return what is known only once a password is there, of what Supabase Auth says, too."""
    match name:
        case "weak_length":
            return texts.gettext("a longer password")
        case "weak_characters":
            return texts.gettext("more kinds of characters, such as upper-case letters, digits and special characters")
        case "breached" | "weak_pwned":
            return texts.gettext("not one that is known from a data leak")
        case "current":
            return texts.gettext("not the password that you have now")
        case "weak":
            return texts.gettext("a password that is harder to guess")
        case _:
            return ""
