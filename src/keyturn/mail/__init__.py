"""A mail, how it is rendered, and who sends it.

`rendering` and `providers` know nothing of each other: a provider is handed an `Email`, and returns an id or raises
what the provider's answer means. `port` and `providers` lie below the settings, which are built of the providers' own
sections; `rendering` and `sending` lie above them.
"""
