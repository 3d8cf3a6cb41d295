"""Raise a stage's version when its numbers change: editing the library alone reruns nothing."""

VERSIONS = {
    "fetch": 1,
    "import": 1,
    "climb": 1,
    "test": 1,
    "region": 1,
    "harvest": 1,
    "clean": 1,
    "tokenizer": 1,
    "tokenize": 1,
    "datasets": 1,
    "design": 1,
    "proxy": 1,
    "record": 2,
    "collect": 2,
    "fit": 4,
    "validate": 3,
    "propose": 4,
    "final": 1,
    "evaluate": 1,
    "report": 1,
}
