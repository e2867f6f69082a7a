"""The servers that are compared: how each is configured, started, and stopped.

Every contestant gets a scratch directory and a free port of 127.0.0.1 and runs on the given cores.
Peers are tuned as their manuals advise for speed. Only processes started here are ever stopped.
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

# What `--peers` asks apt for.
PEER_PACKAGES = ("rabbitmq-server", "nginx", "libnginx-mod-nchan", "mosquitto", "nats-server", "redis-server")
TOKENS = 6000  # different ones; connections beyond that show one that another has shown, too


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
            os.sched_setaffinity(0, self.cores)
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


class OwnProgram(Contestant):
    """A program of the build directory."""

    def find_program(self):
        program = self.build / "bin" / self.program
        if not program.exists():
            raise Unavailable(f"{program} is not built")
        return str(program)


class Limit(OwnProgram):
    name = "limit"
    program = "limit"
    message_id_length = 20  # set by the calibration, so that frames are as long as Plugboard's

    def version(self):
        return "hand-written epoll server, of this tree"

    def command(self, directory, port, case):
        return [self.find_program(), str(port), str(self.message_id_length)], {}


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


class LimitTls(Limit):
    """One SSL_write per socket and turn."""

    name = "limit-tls"
    program = "limit-tls"
    load_options = {"tls": True}

    def command(self, directory, port, case):
        command, environment = super().command(directory, port, case)
        return command + list(certificate()), environment


class LimitRing(Limit):
    """One submission of io_uring for up to 512 writes, as the server has it."""

    name = "limit-ring"
    program = "limit-ring"


class LimitAgain(Limit):
    """The control: what differs between it and the limit is noise."""

    name = "limit-again"


class Plugboard(OwnProgram):
    name = "plugboard"
    program = "plugboard"
    extra_settings = ()
    own_settings = {}

    def command(self, directory, port, case):
        settings = {"http.listen": f"127.0.0.1:{port}", "server.workers": 1, **self.own_settings,
                    **case.settings}
        command = [self.find_program()]
        for item in [f"{k}={v}" for k, v in settings.items()] + list(self.extra_settings):
            command += ["--set", item]
        return command, {}


class PlugboardSend(Plugboard):
    """Writes with one send() per connection, as where io_uring is not to be had."""

    name = "plugboard-send"
    own_settings = {"server.io-uring": "off"}


class PlugboardTwo(Plugboard):
    """With two workers."""

    name = "plugboard-2"
    own_settings = {"server.workers": 2}


class PlugboardXhr(Plugboard):
    """Subscribers come by streams of SockJS."""

    name = "plugboard-xhr"
    load_options = {"carrier": "xhr-streaming"}


class PlugboardDeflate(Plugboard):
    """Subscribers get compressed messages."""

    name = "plugboard-deflate"
    own_settings = {"endpoint /ws.deflate": "on"}
    load_options = {"carrier": "deflate"}


class PlugboardTls(Plugboard):
    """The same over TLS."""

    name = "plugboard-tls"
    load_options = {"tls": True}

    def command(self, directory, port, case):
        chain, key = certificate()
        self.own_settings = {"http.listen": "", "http.tls-listen": f"127.0.0.1:{port}",
                             "tls.certificate": chain, "tls.key": key}
        return super().command(directory, port, case)


class PlugboardRedis(Plugboard):
    """Two nodes and a Redis server of their own; messages are published on the second node."""

    name = "plugboard-redis"

    def find_redis(self, program):
        found = shutil.which(program)
        if not found:
            raise Unavailable(f"{program} is not installed")
        return found

    def version(self):
        return super().version() + "; " + output_of([self.find_redis("redis-server"), "--version"])

    def command(self, directory, port, case):
        self.redis_port, self.second_port = free_port(), free_port()
        self.own_settings = {"broker.plugin": "redis",
                             "broker.redis.url": f"redis://127.0.0.1:{self.redis_port}"}
        return super().command(directory, port, case)

    def helpers(self, directory, case):
        redis = [self.find_redis("redis-server"), "--bind", "127.0.0.1", "--port", str(self.redis_port),
                 "--save", "", "--appendonly", "no", "--dir", str(directory), "--loglevel", "warning"]
        node, _ = super().command(directory, self.second_port, case)
        self.load_options = {"publish-port": self.second_port}
        return [Helper("redis", redis, self.redis_port, True),
                Helper("publishing node", node, self.second_port, True)]

    def extras(self, running, generator_core, case):
        """What PUBLISH alone does on the same Redis, to a channel without subscribers."""
        if "rate" in case.load:
            return {}
        figures = {}
        for pipeline, requests in ((16, 300000), (1, 50000)):
            done = subprocess.run(
                ["taskset", "-c", generator_core, self.find_redis("redis-benchmark"), "-p",
                 str(self.redis_port), "-n", str(requests), "-P", str(pipeline), "--csv", "publish",
                 "plugbench", "x" * 120], capture_output=True, text=True, timeout=60, check=False)
            rate = done.stdout.strip().splitlines()[-1].split(",")[1].strip('"') if done.stdout else "0"
            figures[f"redis-benchmark PUBLISH/s, -P {pipeline}"] = float(rate)
        return figures


class PlugboardAuth(Plugboard):
    """With auth-jwt and 30 rules: every client has an RS256 token of its own and is a class of its
    own, for a rule compares a claim. The rule that decides is the last one."""

    name = "plugboard-auth"
    tokens = None  # a directory with tokens and their key, made once and removed at the end

    def command(self, directory, port, case):
        if PlugboardAuth.tokens is None:
            PlugboardAuth.tokens = tempfile.TemporaryDirectory(prefix="plugbench-tokens-")
            subprocess.run([self.find_tool("make_tokens"), str(TOKENS), self.tokens.name], check=True)
        self.load_options = {"tokens": f"{self.tokens.name}/tokens"}
        self.own_settings = {
            "auth.plugins": "jwt", "auth.jwt.public-key": f"{self.tokens.name}/public.pem",
            "auth.jwt.issuer": "https://id.example/realms/chat", "auth.jwt.client": "web",
            "auth.jwt.roles": "realm_access.roles", "auth.jwt.attributes": "userId",
            "access.own": "subscribe /topic/users/{id}/** if {id} == claim:userId",
            **{f"access.room{i}": f"subscribe, send /topic/rooms/{i}/{{name}} if role room-{i} or role ADMIN"
               for i in range(28)},
            "access.all": "subscribe, send /topic/* if role user"}
        return super().command(directory, port, case)

    def find_tool(self, name):
        tool = self.build / "bin" / name
        if not tool.exists():
            raise Unavailable(f"{tool} is not built")
        return str(tool)


class PlugboardAuthNew(PlugboardAuth):
    """As plugboard-auth, but no token is known from before: a node that has just been started."""

    name = "plugboard-auth-new"

    def command(self, directory, port, case):
        command, environment = super().command(directory, port, case)
        return [*command, "--set", "auth.jwt.known-tokens=0"], environment


class PlugboardChat(PlugboardAuth):
    """As plugboard-auth, and what is published goes through the route of etc/chat.ini: the sender is
    judged, the text is checked and wrapped with who has sent it."""

    name = "plugboard-chat"
    protocol = "stomp-chat"

    def command(self, directory, port, case):
        command, environment = super().command(directory, port, case)
        for item in (
                "auth.jwt.attributes=userId, name", "access.all=subscribe /sub/** if role user",
                "access.chat=send /pub/** if role user",
                "destinations.broker=/topic, /sub", "destinations.app=/pub",
                "app.plugins=route", "app.route chat.pattern=/rooms/{room:slug}/chat",
                "app.route chat.if=authenticated and body.content not-blank and body.content string ..2000",
                "app.route chat.to=/sub/rooms/{room}/chat",
                'app.route chat.body={"sender":{"userId":"{claim.userId}","name":"{claim.name}",'
                '"profileImageUrl":"{claim.picture?}"},"content":"{body.content}"}'):
            command += ["--set", item]
        return command, environment


class Mosquitto(Contestant):
    name = "mosquitto"
    protocol = "mqtt"
    program = "mosquitto"

    def version(self):
        return output_of([self.find_program(), "-h"])

    def command(self, directory, port, case):
        # It refuses to start without a listener of its own protocol.
        (directory / "mosquitto.conf").write_text(f"""\
user root
listener {free_port()} 127.0.0.1
protocol mqtt
listener {port} 127.0.0.1
protocol websockets
allow_anonymous true
persistence false
retain_available false
set_tcp_nodelay true
max_queued_messages 0
max_connections -1
sys_interval 0
log_type error
""")
        return [self.find_program(), "-c", str(directory / "mosquitto.conf")], {}


class MosquittoTls(Mosquitto):
    name = "mosquitto-tls"
    load_options = {"tls": True}

    def command(self, directory, port, case):
        chain, key = certificate()
        command, environment = super().command(directory, port, case)
        file = directory / "mosquitto.conf"
        of_listener = f"protocol websockets\ncertfile {chain}\nkeyfile {key}\ntls_version tlsv1.3\n"
        file.write_text(file.read_text().replace("protocol websockets\n", of_listener))
        return command, environment


class Nats(Contestant):
    name = "nats"
    protocol = "nats"
    path = "/"
    program = "nats-server"

    def command(self, directory, port, case):
        (directory / "nats.conf").write_text(f"""\
host: 127.0.0.1
port: {free_port()}
max_connections: 100000
max_pending: 1GB
write_deadline: "60s"
websocket {{
  host: 127.0.0.1
  port: {port}
  no_tls: true
  compression: false
}}
""")
        return [self.find_program(), "-c", str(directory / "nats.conf")], {"GOMAXPROCS": "1"}


class Nchan(Contestant):
    name = "nchan"
    protocol = "nchan"
    path = "/"
    program = "nginx"
    module = pathlib.Path("/usr/lib/nginx/modules/ngx_nchan_module.so")

    def version(self):
        package = output_of(["dpkg-query", "-W", "-f", "nchan ${Version}\n", "libnginx-mod-nchan"])
        return output_of([self.find_program(), "-v"]) + ", " + package

    def command(self, directory, port, case):
        if not self.module.exists():
            raise Unavailable("libnginx-mod-nchan is not installed")
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        (directory / "logs").mkdir()
        (directory / "nginx.conf").write_text(f"""\
load_module {self.module};
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile {files};
pid {directory}/nginx.pid;
error_log {directory}/error.log error;
events {{
  use epoll;
  worker_connections {files - 50};
}}
http {{
  access_log off;
  tcp_nodelay on;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  nchan_shared_memory_size 512M;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /sub {{
      nchan_subscriber websocket;
      nchan_channel_id $arg_id;
      nchan_subscriber_first_message newest;
      nchan_websocket_ping_interval 0;
    }}
    location = /pub {{
      nchan_publisher websocket;
      nchan_channel_id $arg_id;
      nchan_message_buffer_length 100;
      nchan_message_timeout 10s;
    }}
  }}
}}
""")
        return [self.find_program(), "-p", str(directory), "-c", str(directory / "nginx.conf"),
                "-e", str(directory / "error.log")], {}


class NchanTls(Nchan):
    name = "nchan-tls"
    load_options = {"tls": True}

    def command(self, directory, port, case):
        chain, key = certificate()
        command, environment = super().command(directory, port, case)
        file = directory / "nginx.conf"
        listen = f"listen 127.0.0.1:{port}"
        file.write_text(file.read_text().replace(
            f"{listen} backlog=4096;", f"""{listen} ssl backlog=4096;
    ssl_certificate {chain};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.3;
    ssl_buffer_size 16k;"""))
        return command, environment


class RabbitMQ(Contestant):
    name = "rabbitmq"
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    load_options = {"login": "guest", "passcode": "guest"}
    start_timeout_s = 90

    def version(self):
        self.find_program()
        return output_of(["dpkg-query", "-W", "-f", "rabbitmq ${Version}\n", "rabbitmq-server"])

    def helpers(self, directory, case):
        # Its own name service: the one a node starts by itself would outlive the benchmark.
        return [Helper("epmd", ["epmd", "-address", "127.0.0.1", "-port", str(self.epmd_port)])]

    def command(self, directory, port, case):
        self.epmd_port = free_port()
        (directory / "enabled_plugins").write_text("[rabbitmq_web_stomp].\n")
        (directory / "rabbitmq.conf").write_text(f"""\
listeners.tcp = none
stomp.listeners.tcp = none
web_stomp.tcp.ip = 127.0.0.1
web_stomp.tcp.port = {port}
web_stomp.tcp.backlog = 4096
web_stomp.cowboy_opts.idle_timeout = 3600000
web_stomp.ws_opts.idle_timeout = 3600000
collect_statistics = none
collect_statistics_interval = 60000
vm_memory_high_watermark.relative = 0.8
disk_free_limit.absolute = 1MB
log.console = true
log.console.level = error
log.file = false
""")
        return [self.find_program()], {
            "HOME": str(directory),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "plugbench@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            # One scheduler that sleeps when it has nothing to do, as on a machine of one core.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_IO_THREAD_POOL_SIZE": "1",
        }


OWN = (Limit, LimitRing, LimitTls, Plugboard, PlugboardTls, PlugboardSend, PlugboardTwo, PlugboardRedis, PlugboardAuth, PlugboardAuthNew,
       PlugboardChat, PlugboardXhr, PlugboardDeflate)
CONTROL = (LimitAgain,)
PEERS = (Mosquitto, MosquittoTls, Nats, Nchan, NchanTls, RabbitMQ)
