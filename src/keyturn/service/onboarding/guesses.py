"""Guesses the table of the accounts and the meaning of its columns, by the names that apps use and by values. Pure.

Names are English, German, French and Spanish. Values decide if names do not: only addresses look like addresses, and
only password hashes look like hashes.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from keyturn.service import addresses
from keyturn.service.accounts.table.columns import Column
from keyturn.service.accounts.table.recognised_hashes import is_known_hash
from keyturn.service.onboarding.survey import Table
from keyturn.service.problems.requests import InputInvalid
from keyturn.service.settings import Credentials, Ending, TableSettings

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})

_NAMES: Mapping[str, Sequence[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
STATUS, _TABLES = _NAMES["status"], _NAMES["tables"]

_PASSWORDS = r"(?:password|passwd|pwd|pw|passwort|kennwort|motdepasse|mdp|contraseni?a|clave)"
_TO_CHANGE = r"(?:ae?ndern|wechseln|changer|modifier|reinitialiser|cambiar|restablecer|renovar)"
_FLAG = re.compile(
    rf"(must|force|needs?|require[sd]?)(change|reset|new)?{_PASSWORDS}(change|reset|update)?"
    rf"|{_PASSWORDS}(change|reset)(required|needed)|{_PASSWORDS}(must|needs)(change|reset)"
    rf"|(muss|doit|debe|forcer|forzar)({_TO_CHANGE}|neues|changement|cambio)?(de|le|la|son|su)?{_PASSWORDS}{_TO_CHANGE}?"
    rf"|{_PASSWORDS}(muss|doit|debe)?{_TO_CHANGE}|{_TO_CHANGE}(le|la|son|su)?{_PASSWORDS}"
    rf"|{_PASSWORDS}muss(geae?ndert|gewechselt)(werden)?|{_PASSWORDS}(ae?nderung|wechsel)(noe?tig|erforderlich|erzwingen)"
    rf"|(changement|cambio)(de)?{_PASSWORDS}(requis|obligatoire|requerido|obligatorio)"
    rf"|{_PASSWORDS}(expired|abgelaufen|expire|expirada|caducada|temporaire|temporal)"
    rf"|(is|has|uses?|using)?temp(orary)?{_PASSWORDS}|mustchange"
)
_LEFT_OVER = re.compile(
    rf"temp(orary)?{_PASSWORDS}(hash)?(expires?(at|on)?|expiry|expiration)?"
    rf"|(reset)?{_PASSWORDS}(reset)?token(hash)?(expires?(at|on)?|expiry)?|resettoken(expires?(at)?|expiry)?"
    rf"|(reset)?{_PASSWORDS}(reset)?(expires?(at)?|expiry)|(jeton|token)(de)?(reinitialisation|restablecimiento)"
)
_REMEMBERED = re.compile(r"remember(me)?(token|hash|digest)|sessiontoken|persistencetoken")
"""Columns that keep a client signed in after a password change (OWASP ASVS 7.4.3); Laravel's is remember_token."""
_WORDPRESS_LINK = "useractivationkey"
"""The link of WordPress' own reset, or "", but never NULL."""
_CHANGED_AT = re.compile(
    rf"{_PASSWORDS}(last)?(changed?|updated|modified|set)(at|on|date|time)|{_PASSWORDS}(last)?changed|{_PASSWORDS}lastset"
    rf"|last{_PASSWORDS}(change|update)d?(at|on|date|time)?"
    rf"|{_PASSWORDS}((zuletzt)?geae?ndert(am)?|gesetztam|(ae?nderung|wechsel)am)|letzte{_PASSWORDS}ae?nderung"
    rf"|{_PASSWORDS}(change|modifie)e?le|(date|derniere?)(modification|changement)(du|de)?{_PASSWORDS}"
    rf"|{_PASSWORDS}(cambiada|actualizada|modificada)(en|el)?|(fecha|ultimo)cambio(de)?{_PASSWORDS}"
)
_ENDS = re.compile(
    r"session|remember|refreshtoken|persistentlogin|logintoken|authtoken|passwordreset|resetpassword"
    r"|resettoken|^(auth)?accesstokens?$|^userstokens$|nutzersitzung|anmeldesitzung|websitzung"
    r"|usuariosesion|sesion(es)?(de)?usuario|(passwort|kennwort)reset"
)
"""Tables whose rows admit a client with the old password or an older link (OWASP ASVS 7.4.3).

users_tokens is Phoenix's, which deletes its rows itself; AspNetUserTokens hold a second factor, and must stay.
"""
_MAY_END = re.compile(r"sitzung(?P<de>en)?|sesion(?P<es>es)?")
"""A table name that can mean sessions of clients, but also meetings."""
_ADMITS = re.compile(
    r"token|jeton|cookie|kennung|schluessel|hash|digest|secret|^sid$|sitzungsid|sesionid|useragent|^jti$"
)
"""Parts of column names that occur in sessions of clients, not in meetings."""
_MEETS = re.compile(
    r"titel|title|thema|tema|titulo|betreff|asunto|agenda|tagesordnung|protokoll|teilnehmer|raum|sala"
    r"|acta|orden|participante"
)
"""Parts of column names that occur in meetings."""
_CREDENTIALS: Mapping[Credentials, re.Pattern[str]] = {
    "passkeys": re.compile(
        r"passkey|webauthn|fido2?(key|credential|device)|publickeycredential|securitykeys?$|^(mfa)?authenticators?$"
    ),
    "trusted_devices": re.compile(
        r"(trusted|remembered)(device|browser|computer)|devicetrust|vertrauenswuerdige(geraet|browser)"
        r"|appareils?deconfiance|dispositivos?deconfianza"
    ),
    "ssh_keys": re.compile(r"ssh(public)?keys?$|sshschluessel|cles?ssh|claves?ssh"),
    "oauth_grants": re.compile(
        r"^(?=.*oauth).*(accesstoken|refreshtoken|authcode|authorizationcode|grant|consent|devicecode|idtoken)s?$"
        r"|oauth2?(authorization|token)s?$"
    ),
    "access_tokens": re.compile(
        r"(personal|user|developer)accesstokens?$|zugriffs(token|schluessel)|jetons?d?acces|tokens?deacceso"
    ),
    "api_keys": re.compile(r"api(key|token|secret|schluessel)s?$|(cle|clave)s?d?e?api$|(application|app)passwords?$"),
}
"""Tables whose rows admit clients after a change of the password, too (CWE-613)."""
_NO_CREDENTIALS = re.compile(r"challenge|ceremony|attempt|logs?$|events?$|history|usage|audit")
"""Parts of names of tables that only tell of credentials."""
_REVOKED_AT = re.compile(
    r"(revoked|invalidated|disabled|deactivated)(at|on)|(widerrufen|gesperrt)am|revoquele|revocadoen"
)
_REVOKED = re.compile(r"(is)?(revoked|disabled|invalidated)|widerrufen|gesperrt|revoque|revocado")
_EXPIRES = re.compile(r"expires(at|on)?|expir(y|ation)(date)?|valid(until|to)|laeuftabam|gueltigbis")
_OWN_KEY = re.compile(r"api(key|token)|(personal)?accesstoken|ssh(public)?key")
"""Columns of the accounts' own table with a key of an account."""
_LARAVEL, _LARAVELS_USERS = "tokenabletype", r"App\Models\User"
_OF_ANOTHER = re.compile(
    r"token|pin|otp|recover|backup|answer|reset|temp|old|prev|histor|pending|unconfirmed|invite"
    r"|parent|billing|contact|kontakt|rechnung|eltern"
)
"""Parts of names of columns with addresses or hashes that are not used to sign in."""
_CONTACT = re.compile(r"(?:contact|kontakt)(?:e?mail)?(?:adr|adresse?|address)?")
"""A name that means the account's own address if it is the only one, and another person's address otherwise."""


def likely_tables(tables: Mapping[str, Table], *, password: bool = True) -> list[str]:
    """Return the tables that may hold accounts, the likeliest first. `password`: whether they must hold one, too."""
    ranked = []
    for name, table in tables.items():
        if (
            is_supabase_auth(table)
            or not email_column(table)
            or (password and not password_column(table))
            or not _key_column(table)
        ):
            continue
        ranked.append((_rank(name), "." in name, name))
    return [name for _, _, name in sorted(ranked)]


def is_supabase_auth(table: Table) -> bool:
    """Tell whether it is the table of Supabase Auth, which is only changed over its API."""
    return table.name == "auth.users" and "raw_app_meta_data" in table.columns


def columns_apart(tables: Mapping[str, Table]) -> tuple[list[str], list[str]]:
    """Return the columns for addresses and those for passwords, as `table.column`."""
    emails, passwords = (
        sorted(f"{name}.{column}" for name, table in tables.items() if (column := column_in(table)))
        for column_in in (email_column, password_column)
    )
    return emails, passwords


def clear_choice(likely: Sequence[str]) -> str:
    """Return the only plausible table; "" if there are several.

    It is the only one, or the only one with a usual name, or the only such one in the search path.
    """
    usual = [name for name in likely if _rank(name) < len(_TABLES)] or likely
    found = usual if len(usual) == 1 else [name for name in usual if "." not in name]
    return found[0] if len(found) == 1 else ""


def tables_to_sample(tables: Mapping[str, Table]) -> list[str]:
    """Return the tables to search for values that look like addresses and hashes; usual names first."""
    kept = (name for name, table in tables.items() if _key_column(table) and not is_supabase_auth(table))
    return sorted(kept, key=lambda name: (_rank(name), name))


def email_column(table: Table) -> str:
    return _one(addresses_in(table))


def username_column(table: Table) -> str:
    """Return the column with names by which users sign in, by its name; "" if there is none."""
    name = first_column(table, _NAMES["username"])
    return name if name and name != email_column(table) and table.columns[name].holds in (str, object) else ""


def password_column(table: Table) -> str:
    return _one(hashes_in(table))


def addresses_in(table: Table) -> list[str]:
    """Return the columns that may hold the addresses: by name, else by values."""
    return _candidates(table, _NAMES["email"], _is_address)


def hashes_in(table: Table) -> list[str]:
    return _candidates(table, _NAMES["password"], is_known_hash)


def _candidates(table: Table, names: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    fitting = [name for name, values in table.values.items() if values and all(map(fits, values))]
    named = columns_named(table, names)
    if named:  # an unknown hash format, or no rows yet: the name is better evidence
        return [next((name for name in named if name in fitting), named[0])]
    if len(fitting) == 1 and _CONTACT.fullmatch(normalize_name(fitting[0])):
        return fitting
    return [name for name in fitting if not _OF_ANOTHER.search(normalize_name(name))]


def _one(candidates: Sequence[str]) -> str:
    return candidates[0] if len(candidates) == 1 else ""


def _is_address(value: str) -> bool:
    try:
        addresses.parse(value)
    except InputInvalid:
        return False
    return True


def _rank(name: str) -> int:
    plain = normalize_name(name.rpartition(".")[2])
    return _TABLES.index(plain) if plain in _TABLES else len(_TABLES)


def guess(table: Table, tables: Mapping[str, Table]) -> TableSettings:
    """Return the likeliest meaning of the columns; "" for meanings without a column."""
    delete = tuple(_columns_to_delete(table, tables))
    return TableSettings(
        table=table.name,
        id=_key_column(table),
        email=email_column(table),
        password=password_column(table),
        name=first_column(table, _NAMES["name"]),
        active=_active(table),
        provider=first_column(table, _NAMES["provider"]),
        kind=_kind(table),
        locale=first_column(table, _NAMES["locale"]),
        timezone=first_column(table, _NAMES["timezone"]),
        set=_columns_to_set(table),
        delete=delete,
        ends=_without_conflicts(dict(_endings(table, tables)), table.name, delete, tables),
    )


def _active(table: Table) -> str:
    """Return the rule for active accounts: a flag, or a status whose type or CHECK lists its values."""
    if (flag := first_column(table, _NAMES["active"])) or not (
        name := first_column(table, (*_NAMES["inactive"], *STATUS))
    ):
        return flag
    if normalize_name(name) in _NAMES["inactive"]:
        return f"not {name}"
    bad = [value for value in table.columns[name].choices if normalize_name(value) in _NAMES["bad_status"]]
    return f"not {name} = {' | '.join(bad)}" if bad else ""


def _kind(table: Table) -> str:
    name = first_column(table, _NAMES["kind"])
    return name if name and table.columns[name].holds in (str, object) else ""


def normalize_name(name: str) -> str:
    """Return the name in lower-case ASCII: ä becomes ae as in German, and é becomes e."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", name.lower()).translate(_UMLAUTS))
    return re.sub(r"[^a-z0-9]", "", plain)


def first_column(table: Table, names: Sequence[str]) -> str:
    """Return the column with the first of the names."""
    return next(iter(columns_named(table, names)), "")


def columns_named(table: Table, names: Sequence[str]) -> list[str]:
    """Return the columns with these names, in the order of the names."""
    plain = {normalize_name(name): name for name in reversed(table.columns)}
    return [plain[name] for name in names if name in plain]


def _key_column(table: Table) -> str:
    return table.key or first_column(table, ("id", "uuid", "userid", "accountid", "uid"))


def _columns_to_set(table: Table) -> dict[str, bool | int | float | str]:
    password = password_column(table)
    found: dict[str, bool | int | float | str] = {}
    for name, column in table.columns.items():
        value = _value_to_set(normalize_name(name), column)
        if name != password and value is not None:
            found[name] = value
    return found


def _value_to_set(plain: str, column: Column) -> bool | str | None:
    if _CHANGED_AT.fullmatch(plain) and column.holds is not bool and column.highest >= 2**31 - 1:
        return _time_placeholder(column)
    if _FLAG.fullmatch(plain) and _holds_flag(column):
        return False
    if plain == _WORDPRESS_LINK:
        return ""
    if column.nullable and any(pattern.fullmatch(plain) for pattern in (_FLAG, _LEFT_OVER, _REMEMBERED)):
        return "{null}"
    return None


def _time_placeholder(column: Column) -> str:
    if column.holds is str:
        return "{now_iso}"
    # A 64-bit integer is most likely JavaScript's Date.now(), which does not fit a smaller one.
    return "{now_ms}" if column.holds is int and not column.on_sqlite and column.highest > 2**32 else "{now}"


def _holds_flag(column: Column) -> bool:
    return column.holds is bool or (column.holds is int and (column.on_sqlite or column.highest < 2**15))


def lets_in(name: str) -> bool:
    """Tell whether the table's name means that its rows admit clients, or did so before."""
    return bool(_ENDS.search(_bare_name(name)))


def may_let_in(name: str) -> bool:
    """Tell whether the table's name can mean sessions, or meetings."""
    return bool(_MAY_END.fullmatch(_bare_name(name)))


def owner_column(other: Table, table: Table) -> str:
    """Return the column with the account's id: a foreign key, else by its name; "" if there is none."""
    key = _key_column(table)
    pointing = [column for column, target, referred in other.points_to if (target, referred) == (table.name, key)]
    bare, key = _bare_name(table.name), normalize_name(key)
    own = {bare, bare.removesuffix("s")}
    owners = (
        own if other.points_to else own | {"user", "account", "member", "benutzer", "nutzer", "utilisateur", "usuario"}
    )
    names = {name for owner in owners for part in ("id", key) for name in (f"{owner}{part}", f"{part}{owner}")}
    names |= {key} if any(owner in key for owner in own) else set()
    others = {column for column, *_ in other.points_to}
    pointing += [column for column in other.columns if column not in others and normalize_name(column) in names]
    return next(iter(pointing), "")


def _bare_name(name: str) -> str:
    return normalize_name(name.rpartition(".")[2])


def _columns_to_delete(table: Table, tables: Mapping[str, Table]) -> list[str]:
    ended = (other for name, other in tables.items() if name != table.name and _is_of_sessions(other, table))
    return sorted(f"{other.name}.{column}" for other in ended if (column := owner_column(other, table)))


def _is_of_sessions(other: Table, table: Table) -> bool:
    """Tell whether the rows are sessions; if they may be meetings, a foreign key and the other columns decide."""
    if not (found := _MAY_END.fullmatch(_bare_name(other.name))):
        return lets_in(other.name) and not credentials_in(other.name)
    columns = [normalize_name(name) for name in other.columns]
    meets, admits = (any(map(known.search, columns)) for known in (_MEETS, _ADMITS))
    points = (owner_column(other, table), table.name, _key_column(table)) in other.points_to
    return points and not meets and (admits or bool(found["de"] or found["es"]))


def credentials_in(name: str) -> Credentials | Literal[""]:
    """Return what the table's name says that its rows are; "" if they are no credentials, or sessions."""
    plain = _bare_name(name)
    if _NO_CREDENTIALS.search(plain):
        return ""
    return next((what for what, known in _CREDENTIALS.items() if known.search(plain)), "")


def shared_credentials(tables: Mapping[str, Table]) -> list[str]:
    """Return the tables of credentials whose rows may belong to others than accounts, as a column says for each."""
    return [name for name, table in tables.items() if credentials_in(name) and _type_of_owner(table)]


def _type_of_owner(other: Table) -> tuple[str, str] | None:
    """Return the column with the owner's type, and the one with the owner's id (Laravel's and Rails' polymorphism)."""
    plain = {normalize_name(name): name for name in other.columns}
    pairs = ((column, plain.get(f"{name[:-4]}id")) for name, column in plain.items() if name[4:].endswith("type"))
    return next(((column, owner) for column, owner in pairs if owner), None)


def _endings(table: Table, tables: Mapping[str, Table]) -> Iterator[tuple[str, Ending]]:
    """Yield what an intrusion ends besides sessions, by the column with the account's id."""
    keys = [name for name, column in table.columns.items() if column.nullable and _is_own_key(table, name)]
    if keys:
        sets: dict[str, bool | int | float | str] = dict.fromkeys(keys, "{null}")
        yield f"{table.name}.{_key_column(table)}", Ending(what="api_keys", when="intrusion", set=sets)
    for name, other in sorted(tables.items()):
        if name == table.name:
            continue
        what: Credentials | Literal[""] = credentials_in(name)
        where: dict[str, bool | int | float | str] = {}
        if _bare_name(name).endswith("usermeta") and "meta_key" in other.columns:
            what, where = "api_keys", {"meta_key": "_application_passwords"}  # WordPress keeps anything there
        elif "mfaauthenticator" in _bare_name(name) and "type" in other.columns:
            where = {"type": "webauthn"}  # django-allauth keeps TOTP there, too, which must stay
        owner, of_accounts = _owner(other, table)
        if what and owner:
            when: Literal["change", "intrusion"] = "change" if what == "trusted_devices" else "intrusion"
            yield f"{name}.{owner}", Ending(what=what, when=when, set=_revocation(other), where=where | of_accounts)


def _is_own_key(table: Table, name: str) -> bool:
    """Tell whether the column holds a key; Directus calls it a token."""
    plain = normalize_name(name)
    return bool(_OWN_KEY.fullmatch(plain)) or (_bare_name(table.name), plain) == ("directususers", "token")


def _owner(other: Table, table: Table) -> tuple[str, dict[str, bool | int | float | str]]:
    """Return the column with the account's id, and the condition that it is one; "" if there is no such column."""
    if owner := owner_column(other, table):
        return owner, {}
    if pair := _type_of_owner(other):
        kind, owner = pair
        bare = _bare_name(table.name)
        names = {bare, bare.removesuffix("s")}
        ours = (value for value in other.values.get(kind, ()) if normalize_name(re.split(r"\W", value)[-1]) in names)
        default = _LARAVELS_USERS if normalize_name(kind) == _LARAVEL and not other.values.get(kind) else ""
        model = next(ours, default)
        return (owner, {kind: model}) if model else ("", {})
    return first_column(other, ("resourceownerid",)), {}  # Doorkeeper's, for Rails


def _revocation(other: Table) -> dict[str, bool | int | float | str]:
    """Return the column that revokes a row; empty if the row has to be deleted."""
    for name, column in other.columns.items():
        plain = normalize_name(name)
        is_time, is_flag = _REVOKED_AT.fullmatch(plain), _REVOKED.fullmatch(plain)
        if is_flag and _holds_flag(column):
            return {name: True}
        if column.nullable and (is_time or (is_flag and column.holds is datetime)):
            return {name: _time_placeholder(column)}
    return {}


def _without_conflicts(
    ends: Mapping[str, Ending], accounts: str, delete: Sequence[str], tables: Mapping[str, Table]
) -> dict[str, Ending]:
    """Return the endings that foreign keys allow: a row is not deleted while a row that stays refers to it.

    It is set then, and expires if it cannot be revoked. If it has no time for that, the rows that refer to it are
    deleted, too. If those are of a table that does not end, it is left out.
    """
    deleted = {_table_of(entry) for entry in delete}
    ended = {_table_of(entry) for entry in ends} - {accounts}
    sets = {name: _revocation(tables[name]) or _expiry(tables[name]) for name in ended}
    holding = {name: {one.name for one in tables.values() if name in one.holds} - deleted for name in ended}
    gone = _reached({name for name in ended if not sets[name]}, lambda name: holding[name] & ended)
    stuck = _reached({name for name in gone if holding[name] - ended}, lambda name: tables[name].holds & gone)
    staying = {
        name for name in tables if name not in gone | deleted and (name not in ended or _revocation(tables[name]))
    }
    kept = _reached(staying | stuck, lambda name: tables[name].holds & ended - gone)
    return {
        entry: ending
        if (name := _table_of(entry)) == accounts
        else msgspec.structs.replace(ending, set=sets[name] if name in kept else {})
        for entry, ending in ends.items()
        if _table_of(entry) not in stuck
    }


def _reached(start: set[str], following: Callable[[str], AbstractSet[str]]) -> set[str]:
    found: set[str] = set()
    while new := start - found:
        found |= new
        start = {other for name in new for other in following(name)}
    return found


def _table_of(entry: str) -> str:
    return entry.rpartition(".")[0]


def _expiry(other: Table) -> dict[str, bool | int | float | str]:
    times = (name for name, column in other.columns.items() if column.holds is datetime)
    return {name: "{now}" for name in times if _EXPIRES.fullmatch(normalize_name(name))}
