"""A throw-away Slurm for one machine and its root user.

It has two nodes with two pretended GPUs each, and accounting. All its files are in one folder.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

PACKAGES = ("slurm-wlm", "munge", "slurmdbd", "mariadb-server")
COMMANDS = ("slurmctld", "slurmd", "slurmdbd", "srun", "munged", "mariadbd", "mariadb-install-db")
NODES, GPUS = ("n1", "n2"), 2

SLURM_CONF = """
ClusterName=throwaway
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={accounting}
AccountingStoragePass={folder}/munge.sock
AccountingStorageTRES=gres/gpu
JobAcctGatherType=jobacct_gather/linux
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/prolog
TaskEpilog={folder}/epilog
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=50000
GresTypes=gpu
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=60
KillWait=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdParameters=config_overrides
{nodes}
PartitionName=gpu Nodes=ALL Default=YES MaxTime=1-0 State=UP
PartitionName=cpu Nodes=ALL MaxTime=1-0 State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
    "CPUs=16 RealMemory=128000 Gres=gpu:{gpus} State=UNKNOWN"
)

ACCOUNTING_CONF = """
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
DbdHost=localhost
DbdPort={accounting}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_accounting
LogFile={folder}/slurmdbd.log
PidFile={folder}/slurmdbd.pid
"""

# What a task sees as it begins and ends: a line of job, step, node, device list, event and time.
RECORD = """#!/bin/sh
step=${{SLURM_STEP_ID:-batch}}
devices=${{CUDA_VISIBLE_DEVICES:-none}}
echo "$SLURM_JOB_ID $step $SLURMD_NODENAME $devices {event} $(date +%s.%N)" >> {folder}/tasks
"""

# The plugin strips SLURM_CONF from the environment of its inner srun.
# A site's configuration stands in /etc, ours does not.
SRUN = """#!/bin/sh
export SLURM_CONF={folder}/slurm.conf
exec {srun} "$@"
"""


class UninstallableError(Exception):
    """Why there can be no Slurm here."""


def install() -> None:
    """Installs the packages that are missing."""
    if os.geteuid() != 0:
        raise UninstallableError("a throw-away Slurm needs root")
    if all(map(shutil.which, COMMANDS)):
        return
    if not shutil.which("apt-get"):
        raise UninstallableError(f"no apt-get here to install {', '.join(PACKAGES)} with")
    quiet = {
        **os.environ,
        "RUNLEVEL": "1",
        "DEBIAN_FRONTEND": "noninteractive",
    }  # no service may start
    for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], env=quiet, capture_output=True, text=True
        )
        if done.returncode:
            raise UninstallableError(f"apt-get {command[0]} failed: {done.stderr.strip()[-300:]}")


@dataclass(frozen=True)
class Slurm:
    """A running cluster.

    Its files, sockets and state are in `folder`, whose path is short: sockets allow 107 bytes.
    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which commands find this cluster and no other."""
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def ask(self, *command: str) -> str:
        """Returns what a Slurm command prints.

        Waits for a controller or a database that is just starting.
        """

        def answered() -> subprocess.CompletedProcess[str] | None:
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
            return done if done.returncode == 0 else None

        return until(answered, f"{' '.join(command)} succeeds").stdout

    def restart_controller(self) -> None:
        """Kills slurmctld and starts it again; jobs go on."""
        pid = int((self.folder / "slurmctld.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        until(lambda: not _alive(pid), "slurmctld is gone")
        self._daemon("slurmctld", "-f", str(self.folder / "slurm.conf"))

    def start(self, stack: ExitStack) -> None:
        """Starts munge, the database, accounting, the controller and the nodes.

        `stack` ends them in the opposite order.
        """
        folder, host = self.folder, socket.gethostname().split(".")[0]
        stack.callback(self._end)
        self._write(host)
        sock, log = folder / "munge.sock", folder / "munge.log"
        files = [
            f"--{name}={folder}/munge.{name[:-5]}" for name in ("pid-file", "seed-file", "key-file")
        ]
        self._daemon(
            "munged", "--force", "--num-threads=2", f"--socket={sock}", f"--log-file={log}", *files
        )
        self._start_database()
        self._daemon(
            "slurmdbd",
            SLURM_CONF=str(folder / "slurmdbd.conf"),
            MYSQL_UNIX_PORT=str(folder / "mysql.sock"),
        )
        for what in (
            ["cluster", "throwaway"],
            ["account", "proxies"],
            ["user", "root", "account=proxies"],
        ):
            self.ask("sacctmgr", "--immediate", "--quiet", "add", *what)
        self._daemon("slurmctld", "-f", str(folder / "slurm.conf"))
        for node in NODES:
            self._daemon("slurmd", "-f", str(folder / "slurm.conf"), "-N", node)
        until(
            lambda: (
                self.ask("sinfo", "-h", "-N", "-p", "gpu", "-o", "%T").split()
                == ["idle"] * len(NODES)
            ),
            "the nodes are idle",
        )

    def _write(self, host: str) -> None:
        folder = self.folder
        for name in ("bin", "state", "dev"):
            (folder / name).mkdir()
        controller, accounting, *ports = _free_ports(2 + len(NODES))
        nodes = "\n".join(
            NODE.format(name=name, host=host, port=port, gpus=GPUS)
            for name, port in zip(NODES, ports, strict=True)
        )
        facts = {
            "folder": folder,
            "host": host,
            "controller": controller,
            "accounting": accounting,
            "nodes": nodes,
        }
        _put(folder / "slurm.conf", SLURM_CONF.format(**facts), 0o644)
        _put(folder / "slurmdbd.conf", ACCOUNTING_CONF.format(**facts), 0o600)
        _put(folder / "gres.conf", f"Name=gpu File={folder}/dev/gpu[0-{GPUS - 1}]\n", 0o644)
        _put(folder / "bin" / "srun", SRUN.format(folder=folder, srun=shutil.which("srun")), 0o755)
        for event in ("prolog", "epilog"):
            _put(folder / event, RECORD.format(folder=folder, event=event), 0o755)
        for device in range(
            GPUS
        ):  # like /dev/null: of plain files Slurm sets no CUDA_VISIBLE_DEVICES
            os.mknod(folder / "dev" / f"gpu{device}", 0o666 | 0o020000, os.makedev(1, 3))
        (folder / "munge.key").touch(0o600)
        (folder / "munge.key").write_bytes(os.urandom(1024))

    def _start_database(self) -> None:
        data, sock = self.folder / "mysql", self.folder / "mysql.sock"
        common = ["--no-defaults", "--user=root", f"--datadir={data}"]
        quick = [
            "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-lock-wait-timeout=900",
        ]
        install = [
            "mariadb-install-db",
            *common,
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
        ]
        subprocess.run(install, check=True, capture_output=True)
        command = [
            "mariadbd",
            *common,
            *quick,
            "--skip-networking",
            f"--socket={sock}",
            f"--pid-file={self.folder}/mariadb.pid",
        ]
        with (self.folder / "mariadb.log").open("w") as log:
            subprocess.Popen(command, stdout=log, stderr=log)
        self.ask(
            "mariadb",
            "--no-defaults",
            f"--socket={sock}",
            "-e",
            "create database if not exists slurm_accounting",
        )

    def _daemon(self, *command: str, **environment: str) -> None:
        subprocess.run(
            command,
            env=self.environment | environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _end(self) -> None:
        """Ends all jobs and daemons, whatever went before, and removes the folder."""
        if (self.folder / "slurmctld.pid").exists():
            subprocess.run(
                ["scancel", "--quiet", "--user=root"], env=self.environment, capture_output=True
            )
        for name in [
            *(f"slurmd.{node}" for node in NODES),
            "slurmctld",
            "slurmdbd",
            "mariadb",
            "munge",
        ]:
            if (file := self.folder / f"{name}.pid").exists():
                _kill(int(file.read_text()))
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def throw_away(folder: Path) -> Iterator[Slurm]:
    """A cluster for as long as the block lasts."""
    with ExitStack() as stack:
        slurm = Slurm(folder)
        slurm.start(stack)
        yield slurm


Found = TypeVar("Found")


def until(ready: Callable[[], Found | None], what: str, seconds: float = 600.0) -> Found:
    """Waits until `ready` returns something true, and returns that.

    The limit is so generous that reaching it is a failure.
    """
    end = time.monotonic() + seconds
    while not (found := ready()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.1)
    return found


def _put(path: Path, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()


def _kill(pid: int) -> None:
    """SIGTERM, and SIGKILL for what does not listen."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        with suppress(TimeoutError):
            until(lambda: not _alive(pid), f"{pid} ends", 10)
            return
        os.kill(pid, signal.SIGKILL)
