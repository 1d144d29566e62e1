"""The functions of the attacks, named as their rows: `link-twice` is `link_twice`.

Each returns an AttackFinding, or raises AttackEnded with one.
"""
