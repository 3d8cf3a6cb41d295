"""Grain 0.2.18 mixes by the exported module, element for element as the export foretold."""

from mixwright.proposals.export import create
from mixwright.proposals.export.exporting import export
from orders import order
from trainer_envs import answer, environment

PROGRAM = """
import collections, pathlib, tempfile
import grain

class Indexed:
    # in place of ArrayRecordDataSource: gives its path, and reads no text
    def __init__(self, paths):
        self.path = paths[0]
    def __len__(self):
        return 1000
    def __getitem__(self, index):
        return self.path

grain.sources.ArrayRecordDataSource = Indexed
module = {}
exec(VALUES["text"], module)
mixed = module["mixed"]()
# what reads the records is left out: which source an element comes from is all
chosen = (mixed._selection_map[index][0] for index in range(VALUES["elements"]))
names = list(module["WEIGHTS"])
counts = collections.Counter(names[place] for place in chosen)
first = collections.Counter(mixed[index] for index in range(1000))
again = collections.Counter(names[mixed._selection_map[index][0]] for index in range(1000))
try:
    grain.MapDataset.mix([grain.MapDataset.range(3)] * 2, weights=[1.0, 0.0])
    zero = ""
except ValueError as error:
    zero = str(error)
ANSWER = {"counts": counts, "same": first == again, "zero": zero}
"""


def test_elements_come_as_foretold():
    python = environment("grain", "grain==0.2.18")
    for tokens in (1e9, 1e7 + 4e3):
        result = export(create("grain"), order(tokens=tokens, packed=True))
        elements = int(tokens / 1e3)
        got = answer(python, PROGRAM, text=result.text, elements=elements)
        (stage,) = result.accounts
        foretold = {line.path: round(line.share * elements) for line in stage.lines}
        assert got["counts"] == foretold
        assert sum(foretold.values()) == elements
        assert got["same"]
        assert "non-zero" in got["zero"]
