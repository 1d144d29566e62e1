"""A mail, how it is rendered, and who sends it.

The two know nothing of each other: a transport is handed an `Email`, and returns an id or raises what its answer means.
"""
