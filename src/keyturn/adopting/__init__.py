"""Adopting Keyturn beside an app: looking at its database, and writing the settings that fit it."""

from keyturn.adopting.answers import Answers, DatabaseAddress, database_address, faults_in, table_faults
from keyturn.adopting.checklist import Step, steps
from keyturn.adopting.guessing import changed, clear_choice, guess, likely_tables
from keyturn.adopting.hashes import HashFormat, recognised
from keyturn.adopting.survey import NotReached, Survey, some_hashes, survey
from keyturn.adopting.writing import as_toml, write_file

__all__ = [
    "Answers",
    "DatabaseAddress",
    "HashFormat",
    "NotReached",
    "Step",
    "Survey",
    "as_toml",
    "changed",
    "clear_choice",
    "database_address",
    "faults_in",
    "guess",
    "likely_tables",
    "recognised",
    "some_hashes",
    "steps",
    "survey",
    "table_faults",
    "write_file",
]
