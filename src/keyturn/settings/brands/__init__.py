"""A brand: its keys, the files that it names, and what must hold for both.

What is served to strangers is read here, within bounds, and known by its contents; whoever serves it reads it again.
"""
