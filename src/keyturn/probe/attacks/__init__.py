"""The functions of the attacks, by the names of their rows: `link-twice` is `link_twice`.

Each returns what it found. A step that cannot go on raises it.
"""
