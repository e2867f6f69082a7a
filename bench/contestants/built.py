"""Peers that are built from their own registries, where a toolchain is found: Go, Maven, npm. Versions
are pinned here and in bench/peers; what is built goes to build/peers and is used again."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys

from .packaged import Nats
from .process import Contestant, Unavailable, output_of

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SOURCES = ROOT / "bench/peers"
BUILT = ROOT / "build/peers"
BUILD_TIMEOUT_S = 900

CENTRIFUGO = "github.com/centrifugal/centrifugo/v6@v6.9.1"
NATS = "github.com/nats-io/nats-server/v2@v2.15.3"
SPRING = {3: "3.5.16", 4: "4.1.2"}


def find_tool(*names):
    """The first of these programs that is there."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise Unavailable(f"there is no {' or '.join(names)}")


def build(what, command, directory, environment=None):
    print(f"building {what}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, cwd=directory, env={**os.environ, **(environment or {})}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=BUILD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{what} is not built after {BUILD_TIMEOUT_S} s") from None
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        reason = next((line for line in lines if "ERROR" in line or "error" in line), lines[-1] if lines else "")
        raise Unavailable(f"{what} cannot be built: {reason.strip()[:300]}")


def once(function):
    """Asked again it answers as before, failures too: nobody waits twice for a build that fails."""
    @functools.cache
    def outcome(*arguments):
        try:
            return function(*arguments), None
        except Unavailable as e:
            return None, str(e)

    @functools.wraps(function)
    def asked(*arguments):
        result, failure = outcome(*arguments)
        if failure:
            raise Unavailable(failure)
        return result
    return asked


@once
def go_program(module, installed=""):
    """The program of a Go module, PATH/NAME/vN@VERSION, as a path; `installed` names one that will do, too."""
    path, _, version = module.partition("@")
    name = path.split("/")[-2]
    program = BUILT / f"{name}-{version}" / name
    if program.exists():
        return str(program)
    if installed and shutil.which(installed):
        return shutil.which(installed)
    go = find_tool("go")
    program.parent.mkdir(parents=True, exist_ok=True)
    build(module, [go, "install", module], BUILT, {"GOBIN": str(program.parent)})
    return str(program)


@once
def spring_program(major):
    """The jar of bench/peers/spring for this major version of Spring Boot."""
    find_tool("java")
    version = SPRING[major]
    directory = BUILT / f"spring-{version}"
    jar = directory / "spring-peer.jar"
    sources = [f for f in (SOURCES / "spring").rglob("*") if f.is_file()]
    if not jar.exists() or max(f.stat().st_mtime for f in sources) > jar.stat().st_mtime:
        maven = find_tool("mvn")
        directory.mkdir(parents=True, exist_ok=True)
        build(f"Spring Boot {version}", [
            maven, "-q", "-B", "package", f"-Dboot.version={version}", f"-Dout={directory}",
            f"-Djackson.without={'jackson3' if major == 3 else 'jackson2'}"], SOURCES / "spring")
        jar.touch()
    return str(jar)


@once
def socketio_program():
    """bench/peers/socketio beside its modules."""
    find_tool("node", "nodejs")
    source, directory = SOURCES / "socketio", BUILT / "socketio"
    wanted, done = (source / "package.json").read_text(), directory / "built.json"
    directory.mkdir(parents=True, exist_ok=True)
    if not done.exists() or done.read_text() != wanted:
        npm = find_tool("npm")
        shutil.copy(source / "package.json", directory)
        build("Socket.IO", [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"],
              directory)
        done.write_text(wanted)
    return str(shutil.copy(source / "server.mjs", directory))


class NatsBuilt(Nats):
    """A current NATS; the packaged one is some years older."""

    name = "nats-2.15"

    def find_program(self):
        return go_program(NATS)


class Centrifugo(Contestant):
    """Its JSON protocol. Clients come without a token and may publish; nothing is kept in history."""

    name = "centrifugo"
    protocol = "centrifugo"
    path = "/connection/websocket"
    redis_url = None

    def find_program(self):
        return go_program(CENTRIFUGO, "centrifugo")

    def version(self):
        program = self.find_program()
        # Built by `go install` it does not know its own version.
        return CENTRIFUGO if program.startswith(str(BUILT)) else output_of([program, "version"])

    def command(self, directory, port, case):
        everyone = {f"allow_{what}_for_{whom}": True for what in ("subscribe", "publish")
                    for whom in ("client", "anonymous")}
        settings = {"http_server": {"address": "127.0.0.1", "port": str(port)},
                    "client": {"allow_anonymous_connect_without_token": True, "allowed_origins": ["*"]},
                    "channel": {"without_namespace": everyone}, "log": {"level": "error"}}
        if self.redis_url:
            settings["engine"] = {"type": "redis", "redis": {"address": self.redis_url}}
        file = directory / f"centrifugo-{port}.json"
        file.write_text(json.dumps(settings, indent=1))
        return [self.find_program(), "-c", str(file)], {"GOMAXPROCS": "1"}


class SocketIo(Contestant):
    """Rooms, over WebSocket from the start."""

    name = "socketio"
    protocol = "socketio"
    path = "/socket.io/?EIO=4&transport=websocket"
    warm_up_cpu_s = 4
    redis_url = None

    def find_program(self):
        return socketio_program()

    def version(self):
        self.find_program()
        of = json.loads((BUILT / "socketio/package.json").read_text())["dependencies"]
        return (f"socket.io {of['socket.io']}, ws {of['ws']}, bufferutil {of['bufferutil']}, Node "
                + output_of([find_tool("node", "nodejs"), "--version"]))

    def command(self, directory, port, case):
        command = [find_tool("node", "nodejs"), self.find_program(), str(port)]
        return command + ([self.redis_url] if self.redis_url else []), {"NODE_ENV": "production"}


class Spring(Contestant):
    """Spring Boot's SimpleBroker on Tomcat. Java warms up first: until its compiler is done with what is
    used often, a message costs ten times as much."""

    major = 4
    tuned = False
    start_timeout_s = 120
    warm_up_cpu_s = 25
    load_options = {"late": True}
    redis_url = None

    def find_program(self):
        return spring_program(self.major)

    def version(self):
        self.find_program()
        how = "threads and order set" if self.tuned else "default threads"
        return f"Spring Boot {SPRING[self.major]}, {how}, " + output_of([find_tool("java"), "-version"])

    def command(self, directory, port, case):
        # One core is what it would find by itself; the defaults of Tomcat end at 8,192 connections.
        command = [find_tool("java"), "-XX:ActiveProcessorCount=1", "-jar", self.find_program(),
                   "--server.address=127.0.0.1", f"--server.port={port}", "--server.tomcat.max-connections=100000",
                   "--server.tomcat.accept-count=4096", "--logging.level.root=error", "--spring.main.banner-mode=off"]
        if self.tuned:
            command.append("--peer.tuned=true")
        if self.redis_url:
            command += ["--peer.redis=true", f"--spring.data.redis.url={self.redis_url}"]
        return command, {}


class Spring3(Spring):
    name = "spring3"
    major = 3


class Spring4(Spring):
    name = "spring4"


class Spring4Tuned(Spring):
    """A thread for each core and channel, messages in order, room for bursts: see BrokerConfiguration.java."""

    name = "spring4-tuned"
    tuned = True
    load_options = {}
