"""Sends mixed load to the API and a worker for minutes.

Memory must stay flat, the queue must end empty, and every mail must be sent exactly once.

`python -m benchmarks.soak [--minutes 10]` runs it on SQLite and then on PostgreSQL.
"""
