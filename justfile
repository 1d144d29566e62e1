# Recipes for people and for CI. `just` is a dev dependency: `uv run just check`.

# What can be run
default:
    @just --list

# Live the whole story in a browser: nothing is configured, nothing is sent
demo *flags:
    uv run keyturn demo {{flags}}

# The service, from keyturn.toml and the environment
serve *flags:
    uv run keyturn serve {{flags}}

# Preview the emails
studio *flags:
    uv run keyturn studio {{flags}}

# Bring the database to the newest revision
migrate:
    uv run keyturn migrate

# Format, rules, types, floors
lint:
    uv run ruff format --check
    uv run ruff check
    uv run mypy
    uv run lint-imports

# The tests, several at a time; flags go to pytest, and -n 0 runs them one after the other
test *flags:
    uv run pytest {{flags}}

# The tests that take long: commands, apps that adopt it, the demo, processes that are killed, every page, all languages,
# what is measured, and what is said of any input, with five times as many examples
stories *flags:
    uv run pytest -m "long or hypothesis or (any_database and postgresql)" --hypothesis-profile=thorough {{flags}}

# The tests that answer at once: no service, no studio, no database, no browser, no process of its own
quick *flags:
    uv run pytest -m "not app and not browser and not mariadb and not postgresql and not postgresql_with_tls and not slow and not long" {{flags}}

# The tests that meet libraries most, on the installed wheel with the newest versions up to pyproject's `exclude-newer`; 2 to 4 minutes
newest *flags:
    uv run python -m tests.versions newest {{flags}}

# The same with the oldest versions that pyproject allows; 3 to 4 minutes
oldest *flags:
    uv run python -m tests.versions oldest {{flags}}

# Every page, element and mail in every language in a browser, and not only in the telling ones
languages:
    EVERY_LANGUAGE=1 uv run pytest -m "long or not long" tests/pages/on_screen/test_every_language.py tests/frontend/test_every_language.py tests/mail/rendering/test_on_screen.py -k every_language

# As on a machine without Chromium, MariaDB, Node, PHP and Debian's PostgreSQL: the tests that want one are skipped, with a reason, and nothing else
stranger:
    uv run python -m tests.stranger

# The tests with coverage of src, which must stay over 95 %: it doubles the time that they take
cover:
    uv run pytest -m "long or not long" --cov --cov-fail-under=95

# Keyturn beside its peers, and its parts against their budgets; --quick shows that it works, --write-docs keeps it
bench *flags:
    uv run python -m benchmarks {{flags}}

# Minutes of mixed load on API and worker: memory, the queue, lost and doubled mails; `--minutes 1` for less
soak *flags:
    uv run python -m benchmarks.soak {{flags}}

# What a stranger learns from the time of an answer: known and unknown addresses, with a rank test
timing *flags:
    uv run python -m benchmarks.timing {{flags}}

# What others wait while somebody attacks; `--keyturn PATH` attacks another checkout
hostile *flags:
    uv run python -m benchmarks.hostile {{flags}}

# Processes killed and a provider that misbehaves, for minutes
chaos seconds="120":
    STORM_SECONDS={{seconds}} uv run pytest -m long tests/chaos

# Build the wheel into dist/
wheel:
    uv build --wheel

# Collect the texts that people see, for the catalogues; a new one begins with `pybabel init` (docs/languages.md)
messages:
    uv run pybabel -q extract -F babel.cfg --ignore-dirs ".*" -o src/keyturn/languages/locales/keyturn.pot --omit-header --no-location --sort-output src/keyturn email_templates
    uv run pybabel -q update -i src/keyturn/languages/locales/keyturn.pot -d src/keyturn/languages/locales -D keyturn --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

# All that CI runs: about half an hour on two idle cores, of which the stories take 15 to 20 minutes
check: lint stranger test stories newest oldest

# The pictures of the documentation
screenshots:
    uv run python docs/screenshots.py
