"""Every format refuses a damaged file in one line."""

import pytest

from mixwright.errors import MixwrightError
from mixwright.proposals.export import FORMATS, create

DAMAGED = {
    "empty": "",
    "a number": "5",
    "nothing": "null",
    "a null byte": "a\x00b",
    "lists without an end": "[" * 100_000,
    "objects without an end": '{"a":' * 100_000,
    "no such month": "2020-13-45: 1\n",
    "a number of 5,000 digits": "a: " + "9" * 5_000,
    "a key that is a mapping": "? {a: 1}\n: 2\n",
    "an object of Python": "!!python/object:os.system x\n",
    "Python, nested deep": "x = " + "-" * 100_000 + "1",
}


# To Megatron's arguments every word is a path.
ARE_PATHS = ("nothing", "a null byte", "an object of Python", "Python, nested deep")


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_one_line(name, damage):
    if name == "megatron" and damage in ARE_PATHS:
        pytest.skip("its words are paths")
    with pytest.raises(MixwrightError) as error:
        create(name).read(DAMAGED[damage], "the file")
    assert "\n" not in str(error.value)
    assert "; " in str(error.value)
