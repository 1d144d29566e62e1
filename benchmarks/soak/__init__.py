"""Mixed load for minutes, on the API and a worker: memory stays flat, the queue ends empty, no mail is lost or doubled.

`python -m benchmarks.soak [--minutes 10]`, on PostgreSQL and on SQLite by turns.
"""
