"""How soon a password is guessed: zxcvbn, off the event loop, and bounded in what it is given."""

import re
from collections.abc import Container, Iterable
from functools import partial

from keyturn.reset.bounded_pool import BoundedPool

_GUESSES = 10**6
_TOLD_BY = 32
"""Characters: a long password is told by its beginning, since zxcvbn's time grows with the square of the length."""

_LONG_ENOUGH_TO_VARY = 8
"""What is shorter is easy to guess in any case, and another rule says so."""

_MOST_WAITING = 63
_RETRY_AFTER = 1

# zxcvbn tries every combination of the letters that signs may stand for: with all twenty of them in 32 characters that
# took 0.3 s to a second. One sign is left for each letter, and one reading without shifted signs, which sees rows of
# keys: the worst of 3,000 such passwords then took 13 ms where a plain one takes 2.
_ONE_SIGN_A_LETTER = str.maketrans("@$!|+{[<", "45117(((")
_WITHOUT_SHIFT = str.maketrans('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./")

_SIGNS_FOR_LETTERS = str.maketrans("@$€", "ase")
_DIGITS_FOR_LETTERS = str.maketrans("013457", "oleast")
_FEW_DIGITS = re.compile(r"^\d{1,4}|\d{1,4}$")
_YEARS = re.compile(r"^((19|20)\d\d)+|((19|20)\d\d){1,16}$")
"""What is put before or behind a word where a digit is asked for, or a password ends each month."""

_SHORTEST_WORD = 4
"""Characters: fewer are found among signs and digits that somebody drew by lot."""


class GuessEstimator:
    """Tells passwords that are much used, or simple variations of such, one at a time on a thread of its own.

    NIST SP 800-63B-4 3.1.1.2 and ASVS 6.2.4 ask for a comparison with the most used passwords. Few of them are long
    enough to be accepted anyway, so zxcvbn also sees through added digits, repetitions, rows of keys and swapped
    letters: what it would guess in a million tries is one of them. A phrase that everybody knows it takes for strong,
    and a word with a year and signs around for fair: these are looked up (`known_phrases.py`, and its dictionaries).
    """

    def __init__(self) -> None:
        self._pool = BoundedPool("keyturn-guess", 1, _MOST_WAITING, retry_after=_RETRY_AFTER)

    async def is_common(self, password: str, *, listed_only: bool) -> bool:
        """Tell whether it is one, or one with variations unless `listed_only`. Raises Busy where too many wait."""
        return await self._pool.run(partial(_is_listed if listed_only else _is_soon_guessed, password))

    def close(self) -> None:
        """End the thread; the next password would start another."""
        self._pool.close()


def _is_listed(password: str) -> bool:
    from zxcvbn.matching import RANKED_DICTIONARIES  # 40 ms that a start should not pay

    return password.lower() in RANKED_DICTIONARIES["passwords"]


def _is_known(password: str) -> bool:
    """Tell whether it is a known phrase or much used with a few digits and signs around, or any word with years.

    Only beginnings and ends are taken off, and what is repeated, so that what is a sentence stays one.
    """
    from zxcvbn.matching import RANKED_DICTIONARIES as WORDS

    bare = "".join(filter(str.isalnum, password.lower().translate(_SIGNS_FOR_LETTERS)))
    once = bare[: (bare + bare).find(bare, 1)]
    phrase, word = _FEW_DIGITS.sub("", once), _YEARS.sub("", once)
    if any(_holds(known, (once, phrase)) for known in (KNOWN_PHRASES, WORDS["passwords"])):
        return True
    return word != once and any(_holds(known, (word,)) for known in WORDS.values())


def _holds(known: Container[str], stems: Iterable[str]) -> bool:
    """Tell whether one of the stems is known, as it is or with letters for the digits in it."""
    stems = [stem for stem in stems if len(stem) >= _SHORTEST_WORD]
    return any(stem in known or stem.translate(_DIGITS_FOR_LETTERS) in known for stem in stems)


def _is_soon_guessed(password: str) -> bool:
    from zxcvbn import zxcvbn

    if _is_listed(password) or len(password) < _LONG_ENOUGH_TO_VARY:
        return _is_listed(password)
    if _is_known(password):
        return True
    told_by = password[:_TOLD_BY]
    readings = {told_by.translate(_ONE_SIGN_A_LETTER), told_by.translate(_WITHOUT_SHIFT)}
    return any(zxcvbn(reading)["guesses"] <= _GUESSES for reading in readings)


_QUOTED = """
correcthorsebatterystaple horsebatterystaple tobeornottobe maytheforcebewithyou maythe4thbewithyou winteriscoming
youshallnotpass valarmorghulis onceuponatime thequickbrownfox thequickbrownfoxjumps loremipsumdolor mydogsname
mymothersmaidenname hakunamatata livelaughlove inthebeginning iamyourfather luckyluke openthedoor
allyourbasearebelongtous nevergonnagiveyouup stairwaytoheaven bohemianrhapsody herecomesthesun happybirthday
happybirthdaytoyou merrychristmas happynewyear happyholidays jesuslovesyou jesusismylord godblessyou godblessamerica
trustingod thankyoujesus praisethelord
"""

_ABOUT_PASSWORDS = """
thisismypassword thisisapassword thisisthepassword thisismynewpassword thisisnotmypassword thisisnotapassword
thisismysecretpassword thisisasecret thisissecret thisisasecurepassword thisisastrongpassword mypasswordispassword
passwordispassword mypasswordis thepasswordis thepassword thepasswordispassword apassword anewpassword mynewpassword
myoldpassword oldpassword secretpassword mysecretpassword securepassword mysecurepassword strongpassword
averystrongpassword verystrongpassword verysecurepassword supersecretpassword topsecretpassword longpassword
averylongpassword verylongpassword reallylongpassword goodpassword bestpassword easypassword simplepassword
stupidpassword hardpassword randompassword defaultpassword masterpassword adminpassword userpassword testpassword
temporarypassword passwordtest passwordreset resetpassword resetmypassword resetme changepassword changemypassword
changethispassword changemenow pleasechangeme pleasechange pleaseletmein letmeinplease letmeinagain nopasswordneeded
idonthaveapassword idontknowmypassword idontremember iforgotmypassword iforgotmypass forgotpassword forgotmypassword
whatsmypassword whatismypassword whatisyourpassword whatsyourpassword guessmypassword guesswhat youcantguessthis
youllneverguess younevergetit nobodyknows nobodywillknow donttellanyone passwordpassword passphrase mypassphrase
thisismypassphrase qwertypassword passwordqwerty adminadmin rootroot welcomehome welcomeback welcometohell
welcometothejungle letsgobrandon iamtheadmin iamadmin iamroot
"""

_ABOUT_PEOPLE = """
iloveyousomuch iloveyouforever iloveyoubaby iloveyoumom iloveyoumore iloveyoutoo iloveyouverymuch ilovemywife
ilovemyhusband ilovemymom ilovemydad ilovemydog ilovemycat ilovemykids ilovemyson ilovemydaughter ilovemybaby
ilovefootball ilovechocolate iloveyoujesus ihateyousomuch ihatepasswords ihatethis ihatemylife ihatework
imissyousomuch mylifesucks myfirstlove lifeisbeautiful bestfriends bestfriendsforever friendsforever foreverandever
foreveryoung fuckthisshit fuckpasswords manchesterunited ynwa youllneverwalkalone
"""

_OTHER_LANGUAGES = """
dasistmeinpasswort dasisteinpasswort meinpasswort meinneuespasswort neuespasswort geheimespasswort
passwortvergessen ichhabemeinpasswortvergessen meinkennwort ichliebedich ichliebedichsosehr ichvermissedich
hallowelt willkommen sommerferien frohesneuesjahr frohweihnachten froheweihnachten borussiadortmund
bayernmuenchen mausebaer ichweissnicht keineahnung miclave miclavesecreta micontrasena micontraseña
contraseña contrasenanueva estaesmicontrasena estaesmicontraseña estaesmiclave nuevaclave clavesecreta
noseolvida olvidemicontrasena tequieromucho teamomucho teamoporsiempre teextraño feliznavidad felizcumpleanos
felizcumpleaños bienvenido hastalavista monmotdepasse cestmonmotdepasse cecimonmotdepasse nouveaumotdepasse
motdepasseoublie motdepasseoublié jaioubliemonmotdepasse jetaimefort jetaimemonamour jetaimeplusquetout
mapuce doudou bonneannee bonneannée joyeuxnoel joyeuxnoël bienvenue parissaintgermain marseille13
azertyuiopqsdfghjklm aishiteruyo pasuwado pasuwaado konnichiwa arigatou arigatougozaimasu sakurasakura
パスワード わたしのパスワード 私のパスワード ひみつ 秘密 愛してる ありがとう こんにちは كلمةالمرور كلمةالسر
كلمةمروري كلمةسري هذهكلمةالسر احبك أحبك بسمالله الحمدلله اللهاكبر اللهأكبر سبحانالله بسماللهالرحمنالرحيم
alhamdulillah allahuakbar subhanallah mashallah habibti
"""

_ROWS_OF_KEYS = """
ji32k7au4a83 ji394su3 5k4g4ji32k7au4a83 au4a83 1q2w3e4r5t6y7u 1qaz2wsx3edc4rfv5tgb zaq12wsxcde3 qwertyzxcvbn
qwertyuiopasdfgh qwertzuiopasdfgh asdfghjklqwertyuiop a1b2c3d4e5f6 1a2b3c4d5e6f a1b2c3d4e5f6g7 abcd1234abcd
abcdefghijkl abcdefghijklm abc123abc123 aabbccddeeff qwer1234asdf qwe123asd456 p4ssw0rdp4ssw0rd hunter2hunter2
"""

_TIMES = """
frühling fruehling frühjahr fruehjahr jänner märz maerz juni dienstag mittwoch donnerstag samstag sonnabend sonntag
ostern heute otoño otono invierno enero febrero marzo abril septiembre octubre noviembre diciembre lunes martes
miércoles miercoles jueves viernes sábado sabado printemps automne hiver février fevrier juin août aout septembre
octobre décembre lundi mercredi jeudi vendredi noël pâques paques haru natsu fuyu الربيع الصيف الخريف الشتاء ربيع خريف
شتاء رمضان
"""

_SHORTEST_BEGINNING = 10
"""Characters of a phrase: who leaves its last word out has told enough of it."""

_WHOLE = frozenset(f"{_QUOTED} {_ABOUT_PASSWORDS} {_ABOUT_PEOPLE} {_OTHER_LANGUAGES} {_ROWS_OF_KEYS} {_TIMES}".split())

KNOWN_PHRASES = _WHOLE | {phrase[:end] for phrase in _WHOLE for end in range(_SHORTEST_BEGINNING, len(phrase))}
