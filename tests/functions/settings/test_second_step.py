"""The settings of a second step: what is missing or says nothing is told by its name, all at once."""

import pytest
from tests.functions.settings.reading import Read

from keyturn.errors import SettingsInvalid

FACTORY = "package.module:factory"
TABLE = """
sign_in_url = "https://app.example.org/login"
[accounts]
store = "table"
[accounts.table]
url = "sqlite:///app.db"
table = "users"
"""
TWILIO = """
[second_step]
source = "builtin"
[second_step.sms]
account = "AC1"
password = "secret"
from = "+14155552671"
"""


@pytest.mark.parametrize(
    ("toml", "faults"),
    [
        ('[second_step]\nsource = "buildin"',
         {f"second_step.source: must be none, builtin, table, supabase or {FACTORY}; did you mean builtin?"}),
        ('[second_step]\nsource = "supabase"', {"second_step.source: is supabase, so accounts.store must be, too"}),
        ('[second_step]\nsource = "table"', {"accounts.table.table: missing: second_step.source is table",
         "second_step.table.totp: missing: set the column of the TOTP secrets, or second_step.table.phone"}),
        ('[second_step]\nsource = "builtin"\n[second_step.table]\ntotp = "secret"',
         {"second_step.table: is set, but second_step.source is builtin"}),
        (TABLE + '[second_step]\nsource = "table"\n[second_step.table]\ntable = "devices"\nphone = "phone"',
         {"second_step.table.account: missing: set the column with the account's id",
          "second_step.sms.account: missing: second_step.table.phone is set"}),
        (TABLE + '[second_step]\nsource = "table"\n[second_step.table]\ntotp = "secret"\nformat = "fernet"',
         {"second_step.table.key: missing: second_step.table.format is fernet"}),
        (TABLE + '[second_step]\nsource = "table"\n[second_step.table]\ntotp = "s"\nformat = "fernet"\nkey = "short"',
         {"second_step.table.key: must be a Fernet key: 32 bytes in base64url"}),
        (TABLE + '[second_step]\nsource = "table"\n[second_step.table]\ntotp = "secret"\nkey = "x"',
         {"second_step.table.key: has no effect with second_step.table.format base32: remove it"}),
        (TWILIO.replace("builtin", "none"),
         {"second_step.sms.account: has no effect with second_step.source none: remove it"}),
        (TWILIO.replace("+1415", "1415"), {"second_step.sms.from: must be a number such as +14155552671"}),
        (TWILIO + 'api_url = "ftp://x"',
         {"second_step.sms.api_url: must be an address like https://app.example.org, not 'ftp://x'"}),
    ],
)  # fmt: skip
def test_each_fault_is_told_by_its_name(read: Read, toml: str, faults: set[str]) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        read(toml)
    assert {f"{fault.name}: {fault.message}" for fault in refused.value.faults} == faults


def test_what_twilio_needs_is_read(read: Read) -> None:
    settings = read(TWILIO).second_step
    sms = settings.sms
    assert (settings.source, sms.account, sms.from_, sms.password) == ("builtin", "AC1", "+14155552671", "secret")
