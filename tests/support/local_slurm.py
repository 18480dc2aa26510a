"""A real Slurm with two nodes on this machine, for the time of some tests: its daemons, in a folder of their own."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
NODES = ("n1", "n2")
ROOM = 4  # cores that each node claims to have


def lacking() -> str:
    """Why there can be no Slurm here; empty where there can."""
    missing = [name for name in NEEDED if shutil.which(name, path=_path()) is None]
    if missing:
        return f"no Slurm here ({', '.join(missing)}): apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "only root can start Slurm's daemons"


class LocalSlurm:
    """Slurm with the nodes n1 and n2, and the partitions main and high, whose jobs preempt those of main."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the daemons, and wait until both nodes are idle."""
        for name in ("state", "log", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        ports = [_free_port() for _ in range(3)]
        (self.folder / "slurm.conf").write_text(_configuration(self.folder, ports))
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        (self.folder / "gres.conf").write_text("NodeName=n1 Name=gpu File=/dev/null,/dev/zero\n")
        munge = [f"--{name}={self.folder}/munge.{end}" for name, end in
                 (("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"), ("log-file", "log"), ("seed-file", "seed"))]  # fmt: skip  # noqa: E501
        self._spawn("munged", "--foreground", "--force", *munge)
        self.until(lambda: (self.folder / "munge.socket").exists(), "munged")
        self._spawn("slurmctld", "-D", "-c")
        for node in NODES:
            self._spawn("slurmd", "-D", "-N", node)
        self.until(lambda: self.run("sinfo", "-h", "-p", "main", "-o", "%T").split() == ["idle"], "the nodes")

    def stop(self) -> None:
        """End all jobs and daemons."""
        self.run("scancel", "--signal=KILL", "--user=root")
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in self._daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def run(self, *words: str) -> str:
        """Run a command of Slurm, and return what it prints."""
        environment = os.environ | self.environment
        return subprocess.run(words, capture_output=True, text=True, check=False, env=environment).stdout.strip()

    def states(self, job: str) -> list[str]:
        """The states of a job's tasks."""
        return self.run("squeue", "-h", "-r", "-t", "all", "-o", "%T", "-j", job).split()

    def log(self) -> str:
        """What the daemons wrote last."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in (self.folder / "log").iterdir())

    def _spawn(self, *words: str) -> None:
        log = (self.folder / "log" / f"{words[0]}{len(self._daemons)}.out").open("wb")
        with log:
            environment = os.environ | self.environment
            self._daemons.append(subprocess.Popen(words, stdout=log, stderr=log, env=environment))

    def until(self, met: Callable[[], object], what: str, seconds: float = 60) -> None:
        """Wait until something is as it should be."""
        deadline = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < deadline, f"{what} did not come up: {self.log()}"
            time.sleep(0.2)


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _configuration(folder: Path, ports: list[int]) -> str:
    nodes = [
        f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs={ROOM} RealMemory=8000 {gres}"
        f"State=UNKNOWN"
        for node, port, gres in zip(NODES, ports[1:], ("Gres=gpu:2 ", ""), strict=True)
    ]
    return f"""
ClusterName=local
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=3
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
ReturnToService=2
KillWait=10
MinJobAge=3600
JobRequeue=1
SlurmdParameters=config_overrides
{os.linesep.join(nodes)}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=60 State=UP PriorityTier=1 DefMemPerCPU=500 PreemptMode=REQUEUE
PartitionName=high Nodes=ALL MaxTime=INFINITE DefaultTime=60 State=UP PriorityTier=10 DefMemPerCPU=500 PreemptMode=OFF
"""  # noqa: E501
