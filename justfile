# Recipes for people and for CI. `just` is a dev dependency: `uv run just check`.

quick_tests := "not app and not browser and not mariadb and not postgresql and not postgresql_with_tls and not slow and not long and not nightly"
# The default tests that are not quick
other_tests := "(app or browser or mariadb or postgresql or postgresql_with_tls or slow) and not long and not nightly and not (any_database and postgresql)"

# List the recipes
default:
    @just --list

# Try everything in a browser: no configuration, no mail is sent
demo *flags:
    uv run keyturn demo {{flags}}

# Run the service, from keyturn.toml and the environment
serve *flags:
    uv run keyturn serve {{flags}}

# Preview the emails
studio *flags:
    uv run keyturn studio {{flags}}

# Create or update the tables
migrate:
    uv run keyturn migrate

# Check format, rules, types and layers
lint:
    uv run ruff format --check
    uv run ruff check
    uv run mypy
    uv run lint-imports

# Run all tests except long ones, several at a time; flags go to pytest, and -n 0 runs them one by one
test *flags:
    uv run pytest {{flags}}

# Run the long tests, those that need optional programs, and those on PostgreSQL: all that `just bare` leaves out
stories *flags:
    uv run pytest -m "(long or program or (any_database and postgresql)) and not nightly" {{flags}}

# Run the quick tests, in 40 seconds: no service, no studio, no database, no server, no browser
quick *flags:
    uv run pytest -m {{quote(quick_tests)}} {{flags}}

# Test the wheel with the newest versions of its dependencies, up to pyproject's `exclude-newer`; 2 to 4 minutes
newest *flags:
    uv run python -m tests.versions newest {{flags}}

# Test the wheel with the oldest versions that pyproject allows; 3 to 4 minutes
oldest *flags:
    uv run python -m tests.versions oldest {{flags}}

# Run the default tests as on a machine without Chromium, MariaDB, nginx and the other optional programs
bare *flags:
    env -u CI PROGRAMS_PATH= uv run pytest {{flags}}

# Run the tests with coverage of src, which must stay over 95 %; takes twice as long
cover:
    uv run pytest -m "not nightly" --cov --cov-fail-under=95

# Measure endpoints, delivery, studio and start, beside a plain application and Django; --quick shows that the benchmarks run
bench *flags:
    uv run python -m benchmarks {{flags}}

# Run ten minutes of mixed load: memory, the queue, lost and doubled mails; `--minutes 1` for less
soak *flags:
    uv run python -m benchmarks.soak {{flags}}

# Measure what a stranger learns from the time of an answer about known and unknown addresses
timing *flags:
    uv run python -m benchmarks.timing {{flags}}

# Kill processes, with a provider that misbehaves, for some minutes
chaos seconds="120":
    STORM_SECONDS={{seconds}} uv run pytest -m long tests/worlds/chaos

# Simulate worlds of API servers, workers, disks and providers, each decided by its seed; `--seed 17` tells one story
simulate *flags:
    PYTHONHASHSEED=0 uv run python -m tests.worlds.simulation {{flags}}

# Change one thing of the source at a time, and see whether a test notices; `--count 30 --only outbox` for less
mutants *flags:
    uv run python -m tests.mutants {{flags}}

# Build the wheel into dist/
wheel:
    uv build --wheel

# Build wheel and sdist, test each in an empty environment, and put them with an SBOM into dist/; a minute, publishes nothing
release:
    uv run python -m tests.processes.packaging.release

# Collect the texts for the catalogues; begin a new one with `pybabel init` (docs/emails.md)
messages:
    uv run pybabel -q extract -F babel.cfg --ignore-dirs ".*" -o src/keyturn/mail/languages/locales/keyturn.pot --omit-header --no-location --sort-output src/keyturn email_templates
    uv run pybabel -q update -i src/keyturn/mail/languages/locales/keyturn.pot -d src/keyturn/mail/languages/locales -D keyturn --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

# Make the tables of docs/ that come from types: settings, errors
reference:
    uv run python -m tests.house.reference

# Print for each product and folder how much a reader has to hold at once, which `tests/house` limits
weight:
    uv run python -m tests.house.plain_code

# Run all that CI runs, the fastest first: fifteen minutes on two cores (lint 1, default tests 6, stories 8)
check: lint quick (bare "-m" quote(other_tests)) stories

# Run what CI leaves out, in hours: other versions of dependencies, every language, thousands of random inputs and worlds
nightly: newest oldest && chaos (simulate "--seeds" "10000") (simulate "--seeds" "2000" "--ablate") mutants screenshots
    uv run pytest -m "nightly or hypothesis" --hypothesis-profile=thorough

# Build the documentation site into site/, in twenty seconds; `just docs serve` shows it while you write
docs command="build" *flags="--strict":
    NO_MKDOCS_2_WARNING=1 uv run mkdocs {{command}} {{flags}}

# Make the pictures of the documentation
screenshots:
    uv run python docs/screenshots.py
