"""The names of languages in those languages."""

from collections.abc import Mapping
from unicodedata import normalize

from babel import Locale

# The packaged names are listed here, as in large products: reading CLDR's would load the data of every locale for a
# page with a list, a third of a second and 18 MB.
_OWN_NAMES: Mapping[str, str] = {
    "ar": "العربية", "cs": "Čeština", "da": "Dansk", "de": "Deutsch", "el": "Ελληνικά", "en": "English",
    "es": "Español", "fi": "Suomi", "fr": "Français", "he": "עברית", "hi": "हिन्दी", "id": "Bahasa Indonesia",
    "it": "Italiano", "ja": "日本語", "ko": "한국어", "nb": "Norsk bokmål", "nl": "Nederlands", "pl": "Polski",
    "pt_BR": "Português (Brasil)", "ru": "Русский", "sv": "Svenska", "tr": "Türkçe", "uk": "Українська",
    "zh_Hans": "简体中文", "zh_Hant": "繁體中文",
}  # fmt: skip


def own_name(locale: Locale) -> str:
    """Return a language's name in itself, capitalised for a list."""
    name = _OWN_NAMES.get(str(locale)) or locale.get_display_name() or str(locale).replace("_", "-")
    return name[:1].upper() + name[1:]


def order_of_name(name: str) -> str:
    """Return a sort key for names: an accented letter sorts beside the plain one."""
    return normalize("NFKD", name).casefold()
