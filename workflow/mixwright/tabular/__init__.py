"""Tables as domains: rows with a label and features, learned by trees instead of a language model.

`source` reads a table and makes its features ready once. `dataset` is the folder of one domain on
disk. `pool` joins the domains of a study, each molecule once. `boosting` trains gradient-boosted
trees on it, `pack` the runs of a study, `train` its final models. `metrics` and `score` judge
them. A row's part, `train`, `choose` or `report`, follows from its key alone, so that no row of
any domain's `train` is in the `choose` or `report` of another.
"""
