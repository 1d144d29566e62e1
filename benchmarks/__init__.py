"""What Keyturn costs: `just bench`, `just soak`, `just timing`, `just hostile`. Figures stand in docs/performance.md.

`comparison` asks Keyturn and its `peers` the same in rounds, with `load` from a process of its own; `budgets` measures
parts by themselves, `hashes` what bcrypt takes, `profiles` whose time it is, `soak` what minutes of it leave behind.
`report` makes tables and plots of what they found.
"""
