"""A secret key is replaced: second factors are sealed again, so that the key before it can leave the settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Executable, RowMapping, select
from tests.spec.second_factors import BUILTIN, account_of, code_of, enrol, reset_with
from tests.spec.service import Service, Start, problem

from keyturn.reset.proofs.second_step import builtin_factors
from keyturn.reset.proofs.second_step.builtin_factors import BuiltinFactors, SealedAgain
from keyturn.reset.proofs.second_step.models import SecondFactorRow
from keyturn.settings import Secret

OLD, NEW = Secret("0123456789abcdef" * 4), Secret("fedcba9876543210" * 4)
OTHER_SEED = b"another seed, 20 B.."


async def with_factors(service: Service) -> None:
    await BuiltinFactors(service.parts.database, [OLD]).set_phone((await enrol(service)).id, "+447700900123")


@pytest.fixture
def service_options() -> dict[str, Any]:
    """Have the old key seal Ada's factors."""
    return {"second_step": BUILTIN, "secret_key": OLD, "prepare": with_factors}


def rotating(service: Service) -> BuiltinFactors:
    return BuiltinFactors(service.parts.database, [NEW, OLD])


async def counted(factors: BuiltinFactors) -> SealedAgain:
    return [counts async for counts in factors.seal_again()][-1]


async def test_without_the_old_key_the_second_step_works_after_a_rotation(service: Service, start: Start) -> None:
    assert await counted(rotating(service)) == SealedAgain(sealed=1)
    after = await start(second_step=BUILTIN, secret_key=NEW)
    token = await after.link()
    assert problem(await reset_with(after, token)) == "401 second-step-required"
    assert problem(await reset_with(after, token, "totp", code_of())) == "200"
    found = await BuiltinFactors(after.parts.database, [NEW]).find(await account_of(after))
    assert found.phone == "+447700900123"


@pytest.mark.long
async def test_a_second_rotation_writes_nothing(service: Service) -> None:
    await counted(rotating(service))
    before = await service.rows(select(SecondFactorRow))
    assert await counted(rotating(service)) == SealedAgain(current=1)
    assert await service.rows(select(SecondFactorRow)) == before


async def test_a_rotation_that_ended_early_is_finished_by_the_next(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builtin_factors, "_BATCH", 2)
    old = BuiltinFactors(service.parts.database, [OLD])
    for name in range(4):
        await old.set_seed(f"account {name}", OTHER_SEED)
    async for counts in rotating(service).seal_again():
        assert counts == SealedAgain(sealed=2)
        break
    assert await counted(rotating(service)) == SealedAgain(current=2, sealed=3)


async def test_a_seed_that_is_set_meanwhile_stays(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    database, ada = service.parts.database, await account_of(service)
    fetch = database.fetch

    async def fetch_and_lose(statement: Executable, given: Mapping[str, Any] | None = None) -> Sequence[RowMapping]:
        found = await fetch(statement, given)
        monkeypatch.undo()
        await BuiltinFactors(database, [OLD]).set_seed(ada.id, OTHER_SEED)
        return found

    monkeypatch.setattr(database, "fetch", fetch_and_lose)
    assert await counted(rotating(service)) == SealedAgain(changed=1)
    assert (await BuiltinFactors(database, [OLD]).find(ada)).seed == OTHER_SEED
    assert await counted(rotating(service)) == SealedAgain(sealed=1)
    assert (await BuiltinFactors(database, [NEW]).find(ada)).seed == OTHER_SEED


async def test_factors_that_no_key_opens_are_named_and_kept(service: Service) -> None:
    ada = await account_of(service)
    before = await service.rows(select(SecondFactorRow))
    lost = await counted(BuiltinFactors(service.parts.database, [NEW]))
    assert lost == SealedAgain(unreadable=[ada.id])
    assert await service.rows(select(SecondFactorRow)) == before
