"""Tables in the source of a notebook: read as spelled, never run."""

import pytest

from mixwright.errors import MixwrightError
from mixwright.sources.notebooks import read_table
from perturbed_runs import notebook

CELLS = (
    "%matplotlib inline\nimport numpy as np",
    "n1 = np.array([0.20, 1e-3  , -2,\n       4.0])/7*0.3\nn1, np.sum(n1)",
    "table = np.array([[1.10,2],\n[3,4]])\nn1 = np.array([9., 9., 9., 9.])",
    "names = ['a', 'b']\nn2 = n1*(n1/n1)\nraise SystemExit('this was run')",
)


def read(heading, **arrays):
    return read_table(notebook(*CELLS), "there.ipynb", heading.split(), arrays)


def test_numbers_stay_as_they_are_spelled():
    assert read("total a b c d", n1=["0.3"]) == "total,a,b,c,d\n0.3,0.20,1e-3,-2,4.0\n"
    assert read("run a b", table=["x", "y"]) == "run,a,b\nx,1.10,2\ny,3,4\n"


@pytest.mark.parametrize(
    "heading, arrays, message",
    [
        ("run a b", {"tabel": ["x", "y"]}, r"there\.ipynb: no array tabel; did you mean table\?"),
        ("run a b", {"names": ["x"]}, r"there\.ipynb: no array names"),
        (
            "run a b",
            {"table": ["x"]},
            r"there\.ipynb: table has 2 rows of 2, not 1 of 2; correct notebook\.arrays",
        ),
        ("run a b c", {"table": ["x", "y"]}, r"table has 2 rows of 2, not 2 of 3"),
    ],
)
def test_what_is_not_there_is_named(heading, arrays, message):
    with pytest.raises(MixwrightError, match=message):
        read(heading, **arrays)


@pytest.mark.parametrize("text", ["not json", "{}", "[1]"])
def test_a_file_of_another_kind_is_refused(text):
    with pytest.raises(
        MixwrightError, match=r"there\.ipynb: no Jupyter notebook; correct its address"
    ):
        read_table(text, "there.ipynb", ["run", "a"], {"x": ["y"]})
