"""What a client and the server of warm_python.py say to each other; the client imports little."""

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

# modules whose starts are forks
WARM = ("mixwright", "snakemake")
# settings that Python and libraries read as they start begin with these words
READ_EARLY = ("CUDA", "HF_", "LD_", "MPL", "OMP_NUM_THREADS", "PYTHON", "TORCH", "TRANSFORMERS")
# Snakemake sets them to OMP_NUM_THREADS, which counts where they are missing.
THREADS = ("MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
LARGEST = 1 << 20


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that Python and libraries read as they start."""
    early = {name: value for name, value in environment.items() if name.startswith(READ_EARLY)}
    threads = early.get("OMP_NUM_THREADS", "")
    early |= {name: environment.get(name, threads) for name in THREADS}
    early.pop("PYTHONPATH", None)
    return early


def folders(environment: Mapping[str, str]) -> set[str]:
    """Returns the folders of PYTHONPATH."""
    return {*environment.get("PYTHONPATH", "").split(os.pathsep)} - {""}


def is_known(environment: Mapping[str, str], server: Mapping[str, str]) -> bool:
    """Returns whether a start in this environment would import what the server has imported."""
    same = settings(environment) == settings(server)
    return same and folders(environment) <= folders(server)


def start(address: str, real: str, imported: Mapping[str, str]) -> None:
    """Is a fork of the server, as far as whoever started this process can tell.

    Args:
        address: the server's socket.
        real: Python itself, for every other start.
        imported: the server's environment.
    """
    arguments = sys.argv[1:]
    module = arguments[1] if arguments[:1] == ["-m"] and len(arguments) > 1 else ""
    if module not in WARM or not is_known(os.environ, imported):
        os.execv(real, [real, *arguments])
    server = socket.socket(socket.AF_UNIX)
    server.connect(address)
    wanted = {
        "program": sys.argv[0],
        "arguments": arguments,
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109 pathlib takes long to import
    }
    message = json.dumps(wanted).encode() + b"\n"
    socket.send_fds(server, [b" "], [0, 1, 2])
    server.sendall(message)
    answers = server.makefile()
    pid = int(answers.readline())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda what, _: os.kill(pid, what))
    status = int(answers.readline())
    if status < 0:
        with suppress(OSError):
            # some signals cannot be handled, and are not
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def received(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Returns the start that a client asks for, and its three files."""
    _, files, _, _ = socket.recv_fds(client, 1, 3)
    message = b""
    while not message.endswith(b"\n"):
        message += client.recv(LARGEST)
    return json.loads(message), files


def answer(client: socket.socket, status: int) -> None:
    """Tells a client how its fork ended; it may be gone itself."""
    try:
        client.sendall(f"{status}\n".encode())
    except OSError:
        return
