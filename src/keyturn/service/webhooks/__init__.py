"""Sends events to an app by webhook: the body is written with the event, and its key survives a
retry.
"""
