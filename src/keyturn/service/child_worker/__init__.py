"""The worker as a child process.

The process imports this package first, so nothing is imported here.
"""
