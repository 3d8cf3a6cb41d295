"""A plan before anyone pays: what a study computes, how long that takes, and what it costs.

`work` says what is to be computed, `devices` how fast, and `estimate` brings both together. All are
pure and quick, so that variants of a study can be compared. `here` looks at this machine and at the
results that it holds.
"""
