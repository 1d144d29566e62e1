"""The branches of a mail that its samples leave out, in a few passes that force them.

A branch is one outcome of a decision in a template: yes and no of an `if`; none and several of a loop. `forcing`
writes a call into each decision of a compiled template, which notes the outcome and may force it. So no code here
evaluates an expression or looks for values that lead to a branch. What is lost is an example of such values.
"""
