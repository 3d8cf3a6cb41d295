"""Small solvers that know nothing of mixing: regressions, convex programmes, rank correlations."""
