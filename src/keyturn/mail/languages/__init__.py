"""Languages: gettext, and CLDR's formats. The plural rule is the catalogue's: Babel's for Arabic is wrong."""

from keyturn.mail.languages.catalogues import ANY as ANY
from keyturn.mail.languages.catalogues import PACKAGED as PACKAGED
from keyturn.mail.languages.catalogues import CatalogueFault as CatalogueFault
from keyturn.mail.languages.catalogues import Catalogues as Catalogues
from keyturn.mail.languages.catalogues import Text as Text
from keyturn.mail.languages.catalogues import catalogue_faults as catalogue_faults
from keyturn.mail.languages.catalogues import excerpt as excerpt
from keyturn.mail.languages.catalogues import parse_locale as parse_locale
from keyturn.mail.languages.language import READER as READER
from keyturn.mail.languages.language import SOURCE_LANGUAGE as SOURCE_LANGUAGE
from keyturn.mail.languages.language import Language as Language
from keyturn.mail.languages.language import Languages as Languages
from keyturn.mail.languages.language import SourceTexts as SourceTexts
from keyturn.mail.languages.language import languages_in as languages_in
from keyturn.mail.languages.language import order_of_name as order_of_name
