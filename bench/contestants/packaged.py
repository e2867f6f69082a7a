"""Peers as Debian packages them, tuned as their manuals advise for speed."""

import pathlib
import resource

from .process import Contestant, Helper, Unavailable, certificate, free_port, output_of

# What `--peers` asks apt for.
PEER_PACKAGES = ("rabbitmq-server", "nginx", "libnginx-mod-nchan", "mosquitto", "nats-server", "redis-server")


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
