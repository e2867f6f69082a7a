"""What all contestants have in common: how one is started on its cores, watched, and stopped.

Every contestant gets a scratch directory and a free port of 127.0.0.1 and runs on the given cores.
Only processes started here are ever stopped.
"""

import dataclasses
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time


class Unavailable(Exception):
    """The contestant cannot take part; the text says why."""


def free_port():
    """A free port below those that outgoing connections get: there a port that is free now may be
    taken a moment later, by the load generator itself for one."""
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(1000):
        port = random.randrange(min(10000, lowest - 1000), lowest)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise Unavailable("no free port")


def process_tree(pid):
    found = [pid]
    for p in found:
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                children = pathlib.Path(f"/proc/{p}/task/{task}/children").read_text()
                found.extend(int(c) for c in children.split())
        except OSError:
            pass  # it has ended meanwhile
    return found


def start_time(pid):
    """Tells a process from a later one with the same number."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def output_of(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"unknown ({e})"
    return (done.stdout + done.stderr).strip().splitlines()[0] if done.stdout + done.stderr else ""


@dataclasses.dataclass(frozen=True)
class Helper:
    """A process beside the server, started before it."""

    name: str
    command: list
    port: int = 0  # it is ready when it listens there
    counted: bool = False  # its CPU and memory are part of the server's


class Contestant:
    name = ""
    protocol = "stomp"
    path = "/ws"
    load_options = {}
    start_timeout_s = 15
    program = ""
    warm_up_cpu_s = 0  # CPU time to be used before a measurement begins, by servers that compile as they run

    def __init__(self, build):
        self.build = build

    def find_program(self):
        found = shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not found:
            raise Unavailable(f"{self.program} is not installed")
        return found

    def version(self):
        return output_of([self.find_program(), "--version"])

    def command(self, directory, port, case):
        """Writes what configuration is needed; returns (command, additions to the environment)."""
        raise NotImplementedError

    def helpers(self, directory, case):
        """What has to run beside the server, as Helper."""
        return []

    def extras(self, running, generator_core, case):
        """Further figures, taken after the run: {name: number}."""
        return {}

    def run(self, cores, case):
        return Running(self, cores, case)


class Running:
    """A started contestant; a context manager that stops it."""

    def __init__(self, contestant, cores, case):
        self.contestant = contestant
        self.cores = {int(c) for c in (case.server_cores or cores).split(",")}
        # A server that compiles as it runs does so on all cores, until pin().
        self.cores_now = os.sched_getaffinity(0) if contestant.warm_up_cpu_s else self.cores
        self.port = free_port()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"plugbench-{contestant.name}-"))
        self.processes = []
        try:
            self._start(case)
        except BaseException:
            self.stop()
            raise

    def _spawn(self, command, environment):
        def prepare():
            os.sched_setaffinity(0, self.cores_now)
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

        log = open(self.directory / "output", "ab")
        with log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       cwd=self.directory, env={**os.environ, **environment},
                                       preexec_fn=prepare)
        self.processes.append(process)
        return process

    def _start(self, case):
        command, environment = self.contestant.command(self.directory, self.port, case)
        self.parts = []  # (name, process) of what counts as the server
        for helper in self.contestant.helpers(self.directory, case):
            process = self._spawn(helper.command, environment)
            if helper.port:
                self._wait_for(helper.name, process, helper.port)
            if helper.counted:
                self.parts.append((helper.name, process))
        server = self._spawn(command, environment)
        self.parts.append((self.contestant.name, server))
        self._wait_for(self.contestant.name, server, self.port)
        time.sleep(0.2)

    def _wait_for(self, name, process, port):
        end = time.monotonic() + self.contestant.start_timeout_s
        while True:
            if process.poll() is not None:
                raise Unavailable(f"{name} ended at once: {self.log()}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise Unavailable(f"{name} does not listen: {self.log()}") from None
                time.sleep(0.05)

    def log(self):
        try:
            return (self.directory / "output").read_text(errors="replace")[-600:].strip()
        except OSError:
            return ""

    def pids(self):
        """[(name, pid)] of all processes that count as the server."""
        return [(name, pid) for name, process in self.parts for pid in process_tree(process.pid)]

    def pin(self):
        """From now on all processes stay on the server's cores."""
        if self.cores_now == self.cores:
            return
        self.cores_now = self.cores
        for process in self.processes:
            for pid in process_tree(process.pid):
                for thread in os.listdir(f"/proc/{pid}/task"):
                    try:
                        os.sched_setaffinity(int(thread), self.cores)
                    except ProcessLookupError:
                        pass  # it has ended meanwhile

    def cpu_s(self):
        """What these processes have used by now."""
        ticks = 0
        for _, pid in self.pids():
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
            except OSError:
                pass  # it has ended meanwhile
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        trees = {}
        for process in self.processes:
            if process.poll() is None:
                for pid in process_tree(process.pid):
                    trees[pid] = start_time(pid)
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pid, started in trees.items():
            if started and start_time(pid) == started:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


def certificate(holder=[]):
    """(certificate, key): ECDSA P-256, made once, removed at the end."""
    if not holder:
        directory = tempfile.TemporaryDirectory(prefix="plugbench-tls-")
        files = (f"{directory.name}/certificate.pem", f"{directory.name}/key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "30", "-subj", "/CN=localhost", "-out", files[0], "-keyout", files[1]],
                       check=True, capture_output=True)
        holder += [directory, *files]
    return holder[1], holder[2]
