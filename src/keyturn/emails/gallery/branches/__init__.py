"""The branches of a mail: which of them its samples draw, values that take the others, and what is never drawn.

A branch is one way that a decision of a template goes: `if` and inline `if`, each yes and no; a loop over nothing, one
and several; a macro that is called. **What is taken is noted while a mail is drawn** (`recording`), so inheritance,
includes, macros and filters are Jinja's own. Which values a decision depends on is read from the syntax tree
(`conditions`), by the visitor that guesses from it; then values that fit their types are tried, the likely ones first,
and a drawing says whether they take the branch (`search`). So nothing here has to understand an expression, and a
solver of constraints (z3 and its like, 30 MB and more) would have to be taught all of Jinja's filters first.
"""
