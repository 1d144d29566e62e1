"""A breach: all accounts are asked for a new password. A small one is measured, and the week of a large one simulated.

`just scale` runs the simulation with the costs that the small one had.
"""
