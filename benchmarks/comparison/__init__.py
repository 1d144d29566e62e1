"""Keyturn beside its peers: one core for the server, load from another, in rounds that take turns.

Absolute figures drift with a machine; what is told is the median over rounds of ratios within a round.
"""
