"""Raise a stage's version when its numbers change: editing the library alone reruns nothing."""

VERSIONS = {
    "fetch": 1,
    "harvest": 1,
    "clean": 1,
    "tokenizer": 1,
    "tokenize": 1,
    "datasets": 1,
    "design": 1,
    "proxy": 1,
    "collect": 1,
    "fit": 2,
    "validate": 2,
    "propose": 1,
    "final": 1,
    "evaluate": 1,
    "report": 1,
}
