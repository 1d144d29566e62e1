"""Second factors of the people of an example, where it asks for a second step."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from keyturn.parts import Parts
from keyturn.reset.proofs.second_step.builtin_factors import BuiltinFactors
from keyturn.reset.proofs.second_step.own_step import OwnSecondStep
from keyturn.reset.proofs.second_step.totp import seed_of_base32

_FILE = "second_factors.toml"


async def set_factors(folder: Path, parts: Parts) -> Sequence[str]:
    """Set the factors that the example's file names, and say, in lines for people, how they are tried."""
    file, step = folder / _FILE, parts.second_step.step if parts.second_step else None
    if not file.is_file() or not isinstance(step, OwnSecondStep) or not isinstance(step.source, BuiltinFactors):
        return ()
    notes: list[str] = []
    for email, factors in tomllib.loads(file.read_text("utf-8")).items():
        account = await parts.accounts.find(email)
        if account is None:
            continue
        if phone := factors.get("phone"):
            await step.source.set_phone(account.id, phone)
            notes.append(f"{email} has a phone: the code that goes to it is among the mails sent.")
        if totp := factors.get("totp"):
            await step.source.set_seed(account.id, seed_of_base32(totp))
            code, *_ = await step.recovery.mint(account.id)
            notes.append(f"{email} has an authenticator app with the key {totp}.")
            notes.append(f"Without one, this recovery code works once: {code}")
    return notes
