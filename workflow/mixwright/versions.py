"""The version of every stage that computes.

Editing the library reruns nothing. Raise a stage's version when its numbers change.
"""

VERSIONS = {
    "fetch": 1,
    "import": 3,
    "climb": 1,
    "test": 1,
    "region": 2,
    "harvest": 1,
    "clean": 3,
    "tokenizer": 1,
    "tokenize": 4,
    "questions": 5,
    "datasets": 2,
    "design": 1,
    "round": 2,
    "calibrate": 1,
    "proxy": 4,
    "online": 1,
    "measure": 1,
    "merge": 1,
    "record": 3,
    "collect": 3,
    "fit": 9,
    "validate": 6,
    "curve": 1,
    "backtest": 5,
    "propose": 8,
    "surface": 1,
    "export": 1,
    "final": 1,
    "evaluate": 3,
    "tasks": 1,
    "report": 7,
}
