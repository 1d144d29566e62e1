"""What Keyturn costs, measured against its budgets. `python -m benchmarks`, or one by name; `--json` for machines."""
