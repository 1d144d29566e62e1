"""The worker as a process of its own, which `serve`, `demo` and an app with the plugin start and keep.

Nothing is imported here: that process begins with this package, and loads the rest in its own order.
"""
