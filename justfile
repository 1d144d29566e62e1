# Recipes for people and for CI. `just` is a dev dependency: `uv run just check`.

# List the recipes
default:
    @just --list

# Try everything in your browser: no configuration, no mail is sent
demo *flags:
    uv run keyturn demo {{flags}}

# Start the service with the settings of keyturn.toml and the environment
serve *flags:
    uv run keyturn serve {{flags}}

# Preview and edit the emails in the studio
studio *flags:
    uv run keyturn studio {{flags}}

# Migrate the database to the newest revision
migrate:
    uv run keyturn migrate

# Check formatting, lint rules, types and the rules of imports
lint:
    uv run ruff format --check
    uv run ruff check
    uv run mypy
    uv run lint-imports

# Run the tests in parallel; flags go to pytest, and -n 0 runs them one by one
test *flags:
    uv run pytest {{flags}}

# Includes commands, adopting apps, the demo, killed processes, every page, all languages and measurements.
# Run the long tests, and the property tests with five times as many examples
stories *flags:
    uv run pytest -m "long or hypothesis or (any_database and postgresql)" --hypothesis-profile=thorough {{flags}}

# Run the quick tests: on SQLite, without browsers, processes and long stories
quick *flags:
    uv run pytest -m "not browser and not mariadb and not postgresql and not postgresql_with_tls and not slow and not long" {{flags}}

# Run the tests that depend on libraries, on the wheel with the newest versions up to `exclude-newer`: 2 to 4 minutes
newest *flags:
    uv run python -m tests.versions newest {{flags}}

# Run the same tests with the oldest versions that pyproject.toml allows: 3 to 4 minutes
oldest *flags:
    uv run python -m tests.versions oldest {{flags}}

# Test every page, element and mail in a browser in all languages, not only in those that differ most
languages:
    EVERY_LANGUAGE=1 uv run pytest -m "long or not long" tests/pages/on_screen/test_every_language.py tests/frontend/test_every_language.py tests/mail/rendering/test_on_screen.py -k every_language

# Check that a machine without Chromium, MariaDB, Node, PHP and Debian's PostgreSQL only skips their tests
stranger:
    uv run python -m tests.stranger

# Run all tests with coverage of src, which must be at least 95 %; this doubles their time
cover:
    uv run pytest -m "long or not long" --cov --cov-fail-under=95

# Compare Keyturn with its peers and its parts with their budgets; --quick only checks the benchmarks, --write-docs updates the docs
bench *flags:
    uv run python -m benchmarks {{flags}}

# Send mixed load for 10 minutes; check memory, the queue, and for lost and doubled mails; `--minutes 1` is shorter
soak *flags:
    uv run python -m benchmarks.soak {{flags}}

# Measure whether response times reveal known addresses, with a rank test
timing *flags:
    uv run python -m benchmarks.timing {{flags}}

# Measure how long users wait during attacks; `--keyturn PATH` attacks another checkout
hostile *flags:
    uv run python -m benchmarks.hostile {{flags}}

# Kill processes and simulate a faulty provider for two minutes
chaos seconds="120":
    STORM_SECONDS={{seconds}} uv run pytest -m long tests/chaos

# Build the wheel into dist/
wheel:
    uv build --wheel

# Update the catalogues with all texts that users see; start a new one with `pybabel init` (docs/languages.md)
messages:
    uv run pybabel -q extract -F babel.cfg --ignore-dirs ".*" -o src/keyturn/languages/locales/keyturn.pot --omit-header --no-location --sort-output src/keyturn email_templates
    uv run pybabel -q update -i src/keyturn/languages/locales/keyturn.pot -d src/keyturn/languages/locales -D keyturn --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

# Run all that CI runs: half an hour on two idle cores, of which the stories take 15 to 20 minutes
check: lint stranger test stories newest oldest

# Take the screenshots of the documentation
screenshots:
    uv run python docs/screenshots.py
