"""The branches of a mail: those that its samples render, values that take the others, and the rest.

A branch is one outcome of a decision in a template: yes and no of an `if`; none, one and several of a loop; the call of
a macro. Branches are recorded while Jinja renders (`points`), so inheritance, includes, macros and filters are its own.
`conditions` reads the values that a decision depends on from the syntax tree. `search` tries values that fit their
types, the likely ones first, and renders to see whether they take the branch. So no code here evaluates expressions. A
constraint solver (z3, 30 MB) would first have to learn all of Jinja's filters.
"""
