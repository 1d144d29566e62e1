"""demo: the whole story on this machine.

An example's demo reads the example's own file. Variables beat it where this machine differs, so what is shown is what
is adopted.
"""
