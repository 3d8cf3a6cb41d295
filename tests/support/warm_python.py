"""A `python` for tests of whole studies that has imported torch, pandas and Snakemake before.

A study is a hundred short jobs, and most of their time goes into imports. Here one process imports
what takes long, and each start of `python -m mixwright` or `python -m snakemake` is a fork of it:
arguments, environment, folder, files and exit status are its own. No module of mixwright is
imported before the fork. Two things differ from a real start: the hash seed is that of the server,
and so is the interpreter's state after the imports. A start that asks for other settings of
libraries, such as other threads, is a real one.

python warm_python.py SOCKET serves until its standard input is closed, and removes its folder then.
"""

import atexit
import gc
import importlib
import os
import random
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import warm_start

WORKFLOW = str(Path(__file__).parents[2] / "workflow")
SLOW = (
    "datasets",
    "jsonschema",
    "lightgbm",
    "matplotlib.pyplot",
    "pandas",
    "pyarrow.parquet",
    "rich.table",
    "scipy.optimize",
    "scipy.stats",
    "sklearn",
    "snakemake.cli",
    "snakemake.workflow",
    "tokenizers",
    "torch",
    "torch.nn.functional",
    "transformers.trainer",
)


def folder_of(environment: Mapping[str, str]) -> Path:
    """Returns the folder of a `python` whose server has imported in such an environment."""
    wanted = tuple(sorted(warm_start.settings(environment).items()))
    return _served(os.getpid(), wanted)


@cache
def _served(owner: int, wanted: tuple[tuple[str, str], ...]) -> Path:
    """Starts a server of a process, which ends with it; returns the folder of its `python`."""
    folder = Path(tempfile.mkdtemp(prefix=f"warm-python-{owner}-"))
    address = folder / "socket"
    # the others are as the Snakefile sets them for its jobs
    environment = dict(wanted) | {
        "HOME": os.environ["HOME"],
        "OMP_WAIT_POLICY": "PASSIVE",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([WORKFLOW, *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    command = [sys.executable, __file__, str(address)]
    server = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    # the pipe stays open as long as this process lives
    _servers.append(server)
    support = str(Path(__file__).parent)
    lines = [
        f"#!{sys.executable} -IS",
        "import sys",
        f"sys.path.insert(0, {support!r})",
        "from warm_start import start",
        f"start({str(address)!r}, {sys.executable!r}, {environment!r})",
    ]
    program = folder / "python"
    program.write_text("\n".join(lines) + "\n")
    program.chmod(0o755)
    return folder


_servers: list[subprocess.Popen[bytes]] = []


def serve(address: str) -> tuple[dict[str, Any], list[int]]:
    """Forks for each start that a client asks for; returns in the forks alone, with the start."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake.fileno())
    running: dict[int, socket.socket] = {}
    events = selectors.DefaultSelector()
    for source in (listener, woken, 0):
        events.register(source, selectors.EVENT_READ)
    os.write(1, b"ready\n")
    while True:
        for key, _ in events.select():
            if key.fileobj == 0:
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
                shutil.rmtree(Path(address).parent)
                sys.exit()
            elif key.fileobj is listener:
                client, _ = listener.accept()
                wanted, files = warm_start.received(client)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    events.close()
                    for end in (listener, woken, wake, client, *running.values()):
                        end.close()
                    return wanted, files
                for file in files:
                    os.close(file)
                client.sendall(f"{pid}\n".encode())
                running[pid] = client
                events.register(client, selectors.EVENT_READ, pid)
            elif key.fileobj is woken:
                woken.recv(4096)
            elif key.data in running:
                # the client was killed, and its fork goes with it
                os.kill(key.data, signal.SIGKILL)
        for pid, status in _ended():
            client = running.pop(pid)
            events.unregister(client)
            with client:
                warm_start.answer(client, status)


def _ended() -> Iterator[tuple[int, int]]:
    """Yields the id and the exit status of each fork that has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def become(wanted: dict[str, Any], files: list[int]) -> None:
    """Is the start that a client asked for, as `python -m MODULE` would be."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    os.chdir(wanted["folder"])
    random.seed()
    # the Snakefile gives its jobs the interpreter that runs it
    sys.executable = wanted["program"]
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", 1 if os.isatty(1) else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    _, module, *arguments = wanted["arguments"]
    sys.argv = [module, *arguments]
    sys.path[0] = wanted["folder"]
    status: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
        status = 1
    _end(status)


def _end(status: object) -> None:
    """Ends as Python does, but does not take its modules apart, which takes seconds of so many."""
    if status is None:
        status = 0
    if not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    for name in SLOW:
        importlib.import_module(name)
    # what is there by now is not looked at again, so that forks share its memory
    gc.freeze()
    become(*serve(sys.argv[1]))
