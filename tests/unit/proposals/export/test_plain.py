"""Plain CSV, JSON and YAML: any name comes back, and nothing is joined or lost in silence."""

import csv
import io
import json
from dataclasses import replace

import pytest
import yaml

from mixwright.errors import MixwrightError
from mixwright.proposals.export import create
from mixwright.proposals.export.account import account
from mixwright.proposals.export.blend import REMARK, Budget
from mixwright.proposals.export.exporting import export
from orders import WEIGHTS, order

NAMES = ("csv", "json", "yaml")
HOSTILE = (
    "",
    " ",
    " a",
    "a ",
    "a,b",
    'a"b',
    '"',
    '""',
    "a\r\nb",
    "a\rb",
    "a\nb\n",
    "\n",
    "source",
    "share",
    "weights",
    "0.5",
    "1e3",
    "~",
    "NO",
    "2024-01-01",
    "0x10",
    "1:30",
    "<<",
    "=",
    "? a",
    "a: b",
    "a #b",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "\t",
    "\x85",
    "\u2028",
    "\ufeff",
    "\U0001f600",
    "=SUM(A1)",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_any_name_comes_back(name, hostile):
    wanted = order({"web": 0.7, "code": 0.3})
    first, second = wanted.sources
    for sources in (
        (replace(first, path=hostile), second),
        (first, replace(second, path=hostile)),
    ):
        trainer = create(name)
        (blend,) = trainer.read(export(trainer, replace(wanted, sources=sources)).text, "FILE")
        assert [entry.path for entry in blend.entries] == [source.path for source in sources]
        assert [entry.number for entry in blend.entries] == [0.7, 0.3]


@pytest.mark.parametrize("name", NAMES)
def test_shares_keep_every_digit(name):
    weights = {"a": 1 / 3, "b": 1 / 7, "c": 1 - 1 / 3 - 1 / 7 - 1e-12, "d": 1e-12}
    trainer = create(name)
    result = export(trainer, order(weights))
    (blend,) = trainer.read(result.text, "FILE")
    wanted = order(weights)
    expected = wanted.shares(wanted.stages[0])
    assert [entry.number for entry in blend.entries] == expected.tolist()


def test_other_readers_read_the_files():
    texts = {name: export(create(name), order()).text for name in NAMES}
    shares = {f"/data/{domain}": weight for domain, weight in WEIGHTS.items()}
    table = list(csv.DictReader(io.StringIO(texts["csv"], newline="")))
    assert {row["source"]: float(row["share"]) for row in table} == pytest.approx(shares)
    assert json.loads(texts["json"]) == pytest.approx(shares)
    assert yaml.safe_load(texts["yaml"]) == pytest.approx(shares)


FOREIGN = {
    "csv": ("domain,weight\r\nweb,6\r\n\r\ncode,4\r\n", '"d","w"\n"web","6"\n"code","4"'),
    "json": ('{"web": 6, "code": "4"}', '{"method": "x", "weights": {"web": 6, "code": 4}}'),
    "yaml": ("web: 6\ncode: '4'\n", "weights: {web: 6, code: 4}\nmethod: x\n"),
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name in NAMES for text in FOREIGN[name]]
)
def test_foreign_files(name, text):
    trainer = create(name)
    (blend,) = trainer.read(text, "FILE")
    assert [(entry.path, entry.number) for entry in blend.entries] == [("web", 6), ("code", 4)]
    stage = account(trainer, blend, Budget())
    assert [line.share for line in stage.lines] == [0.6, 0.4]
    (fault,) = stage.faults
    assert fault.kind == REMARK and "sum to 10" in fault.message


FAULTY = [
    ("csv", "source,share\nweb,0.5\nweb,0.5\n", "stands twice"),
    ("csv", "web,0.5\ncode,0.5\n", "heading"),
    ("csv", "source,share\n", "no source"),
    ("csv", "source,share\nweb,much\n", "number"),
    ("csv", "source,share\nweb,-1\n", "from 0 on"),
    ("csv", "source,share\nweb,nan\n", "from 0 on"),
    ("csv", "source,share,note\nweb,1,x\n", "3 cells"),
    ("csv", 'source,share\n"web,1\n', "no CSV"),
    ("json", '{"web": 0.5, "web": 0.5}', "stands twice"),
    ("json", '{"web": true}', "from 0 on"),
    ("json", '{"web": Infinity}', "from 0 on"),
    ("json", '{"web": null}', "number"),
    ("json", '{"web": {"a": 1}}', "number"),
    ("json", '[["web", 1]]', "no source"),
    ("yaml", "web: 0.5\nweb: 0.5\n", "stands twice"),
    ("yaml", "yes: 0.5\nweb: 0.5\n", "in quotes"),
    ("yaml", "1.50: 0.5\n", "in quotes"),
    ("yaml", "? [a, b]\n: 1\n", "in quotes"),
    ("yaml", "web: .inf\n", "from 0 on"),
    ("yaml", "web: yes\n", "from 0 on"),
]


@pytest.mark.parametrize(("name", "text", "words"), FAULTY)
def test_what_would_be_lost_is_told_in_one_line(name, text, words):
    with pytest.raises(MixwrightError, match=words) as caught:
        create(name).read(text, "FILE")
    assert str(caught.value).startswith("FILE: ")
    assert "\n" not in str(caught.value)
