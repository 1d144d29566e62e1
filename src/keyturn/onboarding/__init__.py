"""Adopting Keyturn beside an app: looking at its database, and writing the settings that fit it.

`init` guesses by names and asks; the mapping is held against the live database by the store's own check before the file
is written.
"""

from keyturn.onboarding.answers import (
    Answers,
    DatabaseAddress,
    database_address,
    faults_in,
    store_fault,
    table_faults,
)
from keyturn.onboarding.checklist import Step, steps
from keyturn.onboarding.corrections import COLUMNS, apply_correction
from keyturn.onboarding.guesses import clear_choice, guess, likely_tables
from keyturn.onboarding.hashes import HashFormat, recognise_hashes
from keyturn.onboarding.settings_file import as_toml, write_file
from keyturn.onboarding.survey import NotReached, Survey, sample_hashes, survey

__all__ = [
    "COLUMNS",
    "Answers",
    "DatabaseAddress",
    "HashFormat",
    "NotReached",
    "Step",
    "Survey",
    "apply_correction",
    "as_toml",
    "clear_choice",
    "database_address",
    "faults_in",
    "guess",
    "likely_tables",
    "recognise_hashes",
    "sample_hashes",
    "steps",
    "store_fault",
    "survey",
    "table_faults",
    "write_file",
]
