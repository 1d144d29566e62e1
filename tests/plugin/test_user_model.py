"""A mapped class as the table of accounts: attributes stand for their columns, and what is none is said."""

from typing import Any

import pytest
from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship
from tests.plugin.host import ACCOUNTS, User, Visit

from keyturn import table_of
from keyturn.errors import SettingsInvalid
from keyturn.service.settings import Ending, TableSettings

pytestmark = pytest.mark.long


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "people"
    __table_args__ = {"schema": "staff"}

    key: Mapped[int] = mapped_column("person_id", primary_key=True)
    email: Mapped[str] = mapped_column()
    role: Mapped[str]
    shouted = column_property(func.upper(email))


class Teacher(Person):
    __tablename__ = "teachers"
    __table_args__ = {"schema": "staff"}

    key: Mapped[int] = mapped_column("teacher_id", ForeignKey(Person.key), primary_key=True)
    password_hash: Mapped[str]
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("staff.teachers.teacher_id"))
    mentor: Mapped["Teacher | None"] = relationship(foreign_keys=[mentor_id])


def faults(model: Any, **names: Any) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as caught:
        table_of(model, **names)
    return {fault.name: fault.message for fault in caught.value.faults}


def test_attributes_become_the_columns_that_they_are_mapped_to() -> None:
    named = TableSettings(
        table="users",
        id="id",
        email="email",
        password="password_hash",
        name="display_name",
        active="not left_at",
        set={"must_change": False},
        delete=("visits.user_id",),
    )
    assert named == ACCOUNTS


def test_a_table_in_a_schema_is_named_with_it() -> None:
    named = table_of(Person, id="key", password="role", delete=[Teacher.mentor_id])
    assert (named.table, named.id, named.delete) == ("staff.people", "person_id", ("staff.teachers.mentor_id",))


def test_what_ends_is_named_by_attributes_of_other_classes() -> None:
    passkeys = Ending(what="passkeys", when="intrusion")

    named = table_of(Person, id="key", password="role", ends={Teacher.mentor_id: passkeys})
    assert named.ends == {"staff.teachers.mentor_id": passkeys}
    assert faults(Person, id="key", password="role", ends={"passkeys": passkeys}) == {
        "accounts.ends": "not an attribute of a mapped class: 'passkeys'"
    }


def test_every_name_that_is_no_column_is_said_at_once() -> None:
    found = faults(User, email="email", password="hashd", active="not leftat", set={"when": "{now}"}, delete=["visits"])
    assert found == {
        "accounts.email": "User has no column email; did you mean mail?",
        "accounts.password": "User has no column hashd; did you mean hashed?",
        "accounts.active": "User has no column leftat; did you mean left_at?",
        "accounts.set.when": "User has no column when; its columns: id, mail, hashed, full_name, left_at, must_change",
        "accounts.delete": "not an attribute of a mapped class: 'visits'",
    }


def test_what_is_mapped_and_yet_no_column_of_the_table_is_refused() -> None:
    found = faults(Teacher, id="key", email="email", name="shouted", kind="mentor", delete=[Teacher.mentor])
    assert found["accounts.email"] == "email is not in the table staff.teachers, but in another"
    assert "no column shouted" in found["accounts.name"]
    assert "no column mentor" in found["accounts.kind"]
    assert set(found) == {"accounts.email", "accounts.name", "accounts.kind", "accounts.delete"}


@pytest.mark.parametrize("model", [dict, Visit(), "users", Base])
def test_what_is_no_mapped_class_is_refused(model: Any) -> None:
    assert "is not a class that SQLAlchemy maps to a table" in faults(model)["accounts"]
