"""The functions of the attacks, named as their rows: `link-twice` is `link_twice`.

Each returns or raises AttackEnded.
"""
