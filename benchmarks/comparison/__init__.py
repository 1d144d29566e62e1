"""Compares Keyturn with its peers.

The server has one core, the load another, and peers take turns in each round.

Absolute figures drift with the machine, so the published share is the median over rounds of the
ratio within a round.
"""
