"""The branches of a mail: those that its samples render, passes that force the others, and the rest.

A branch is one outcome of a decision in a template: yes and no of an `if`; none, one and several of a loop; the call of
a macro. `forcing` writes a call into each decision of a compiled template, which notes the outcome and may force it. So
no code here evaluates an expression or looks for values that lead to a branch. What is lost is an example of such
values.
"""
