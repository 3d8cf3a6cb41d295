"""Tables as domains: rows with a label and features, learned by gradient-boosted trees instead of a language model.

`source` reads a table and makes its features ready once; `dataset` is the folder of one domain on disk; `pool` joins the domains of a
study, each molecule once; `learners.trees` trains on it; `metrics` scores. A row's part, `train`, `choose` or `report`, follows from its
key alone, so that no row of any domain's `train` is in the `choose` or `report` of another.
"""
