"""What Keyturn costs beside its peers and its budgets. `python -m benchmarks`, or parts by name; `--help`."""
