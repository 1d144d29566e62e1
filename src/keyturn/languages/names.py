"""What languages are called by who speaks them."""

from collections.abc import Mapping
from unicodedata import normalize

from babel import Locale

# The packaged ones stand here, as the lists of large products have them: CLDR's names would cost a page that lists them
# the data of every locale, a third of a second and 18 MB.
_OWN_NAMES: Mapping[str, str] = {
    "ar": "العربية", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά", "en": "English",
    "es": "Español", "fi": "Suomi", "fr": "Français", "he": "עברית", "hi": "हिन्दी", "id": "Bahasa Indonesia",
    "it": "Italiano", "ja": "日本語", "ko": "한국어", "nb": "Norsk bokmål", "nl": "Nederlands", "pl": "Polski",
    "pt_BR": "Português (Brasil)", "ru": "Русский", "sv": "Svenska", "tr": "Türkçe", "uk": "Українська",
    "zh_Hans": "简体中文", "zh_Hant": "繁體中文",
}  # fmt: skip


def own_name(locale: Locale) -> str:
    """Return a language's name in itself, as it stands in a list: with a capital."""
    name = _OWN_NAMES.get(str(locale)) or locale.get_display_name() or str(locale).replace("_", "-")
    return name[:1].upper() + name[1:]


def order_of_name(name: str) -> str:
    """Return what names are sorted by: an accent does not take a letter to the end."""
    return normalize("NFKD", name).casefold()
