"""Runs the explorer's programs in node, or in Chromium where there is no node."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from browser import chromium
from chromium import NoChromiumError

EXPLORER = Path(__file__).parents[2] / "workflow/mixwright/report/explorer"
# in the order of a page; each may use what stands before it
FILES = ("surface.js", "nearest.js", "mixture.js", "pasted.js", "link.js", "solve.js")
# The program arrives on standard input: command lines have a longest length.
NODE = """
const { program, data } = JSON.parse(require("fs").readFileSync(0, "utf8"));
require("fs").writeSync(1, new Function("data", program)(data));
"""


def run(expression: str, data: Any = None, files: Sequence[str] = FILES) -> Any:
    """Returns the value of an expression in the one scope that the programs share in a page.

    `data` is `data` there. The value is read back as JSON. Without node and Chromium the test is
    skipped.
    """
    texts = [(EXPLORER / name).read_text(encoding="utf-8") for name in files]
    program = "\n".join([*texts, f"return JSON.stringify({expression});"])
    if shutil.which("node"):
        return json.loads(_in_node(program, data))
    return json.loads(_in_chromium(program, data))


def _in_node(program: str, data: Any) -> str:
    done = subprocess.run(
        ["node", "-e", NODE],
        input=json.dumps({"program": program, "data": data}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _in_chromium(program: str, data: Any) -> str:
    call = "({program, data}) => new Function('data', program)(data)"
    try:
        with chromium() as browser:
            text: str = browser.new_page().evaluate(call, {"program": program, "data": data})
    except NoChromiumError as reason:
        pytest.skip(f"node is not installed, and {reason}")
    return text
