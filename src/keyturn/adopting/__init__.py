"""Adopting Keyturn beside an app: looking at its database, and writing the settings that fit it."""

from keyturn.adopting.answers import (
    Answers,
    DatabaseAddress,
    database_address,
    faults_in,
    store_fault,
    table_faults,
)
from keyturn.adopting.checklist import Step, steps
from keyturn.adopting.correcting import COLUMNS, corrected
from keyturn.adopting.guessing import clear_choice, guess, likely_tables
from keyturn.adopting.hashes import HashFormat, recognised
from keyturn.adopting.survey import NotReached, Survey, some_hashes, survey
from keyturn.adopting.writing import as_toml, write_file

__all__ = [
    "COLUMNS",
    "Answers",
    "DatabaseAddress",
    "HashFormat",
    "NotReached",
    "Step",
    "Survey",
    "as_toml",
    "clear_choice",
    "corrected",
    "database_address",
    "faults_in",
    "guess",
    "likely_tables",
    "recognised",
    "some_hashes",
    "steps",
    "store_fault",
    "survey",
    "table_faults",
    "write_file",
]
