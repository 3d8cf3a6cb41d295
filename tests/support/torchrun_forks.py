"""Processes that meet over gloo as those of torchrun do, forked from a test."""

import os
import socket


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def together(work, size: int = 2) -> list[int]:
    """Runs `work(rank)` in `size` forks as torchrun would start them.

    Returns their exit codes, negative for a signal.
    """
    port, children = str(free_port()), []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            os.environ |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(size),
                "LOCAL_WORLD_SIZE": str(size),
            }
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            code = 1
            try:
                work(rank)
                code = 0
            except SystemExit as error:
                code = error.code
            finally:
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
