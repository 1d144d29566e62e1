"""The worker as a separate process, which `serve`, `demo` and an app with the plugin start and restart.

Nothing is imported here: that process begins with this package, and loads the rest in its own order.
"""
