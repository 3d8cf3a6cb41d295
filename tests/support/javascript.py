"""Runs the explorer's programs in node, or in Chromium where there is no node."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

EXPLORER = Path(__file__).parents[2] / "workflow/mixwright/report/explorer"
# in the order of a page; each may use what stands before it
FILES = ("surface.js", "nearest.js", "mixture.js", "pasted.js", "link.js", "solve.js")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
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
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    playwright = pytest.importorskip("playwright.sync_api", reason="neither node nor playwright")
    if browser is None:
        pytest.skip("neither node nor Chromium is installed: the page's programs cannot be run")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=list(ARGUMENTS))
        try:
            page = chromium.new_page()
            call = "({program, data}) => new Function('data', program)(data)"
            text: str = page.evaluate(call, {"program": program, "data": data})
            return text
        finally:
            chromium.close()
