"""Benchmarks of Keyturn: `just bench`, `just soak`, `just timing`.

README.md has the figures.

`comparison` sends the same requests to Keyturn and to its `peers`, in rounds; the `load` has a
process of its own. `budgets` measures single parts, and `hashes` measures bcrypt. `profiles` shows
which package uses the processor time. `soak` checks memory and mails under minutes of load.
`report` turns the results into tables and plots.
"""
