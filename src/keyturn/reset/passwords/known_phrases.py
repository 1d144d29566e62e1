"""Passwords that everybody knows and no list of short ones holds: phrases, rows of keys, and words with a year behind.

Written by hand: sentences about passwords, much quoted lines, what people are told as an example, and the seasons,
months and days that whoever has to change a password takes. Small letters and digits alone: `guessing.py` reads a
password so. What zxcvbn's own lists have is left out.
"""

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
