"""Raise a stage's version when its numbers change: editing the library alone reruns nothing."""

VERSIONS = {
    "harvest": 1,
    "clean": 1,
    "tokenizer": 1,
    "tokenize": 1,
    "design": 1,
    "proxy": 1,
    "record": 2,
    "collect": 2,
    "fit": 3,
    "validate": 3,
    "propose": 3,
    "final": 1,
    "evaluate": 1,
    "report": 1,
}
