"""Two nodes and a Redis server of their own, all of them on the server's core. What is published on the
second node is received on the first. CPU is that of the three processes together."""

import subprocess

from .built import Centrifugo, SocketIo, Spring3, Spring4, Spring4Tuned, find_tool
from .own import Plugboard
from .process import Helper, free_port, output_of


class TwoNodes:
    """Put before the class of a node, which has a `redis_url`."""

    def version(self):
        return super().version() + "; " + output_of([find_tool("redis-server"), "--version"])

    def command(self, directory, port, case):
        self.redis_port, self.second_port = free_port(), free_port()
        self.redis_url = f"redis://127.0.0.1:{self.redis_port}"
        return super().command(directory, port, case)

    def helpers(self, directory, case):
        redis = [find_tool("redis-server"), "--bind", "127.0.0.1", "--port", str(self.redis_port),
                 "--save", "", "--appendonly", "no", "--dir", str(directory), "--loglevel", "warning"]
        node, _ = super().command(directory, self.second_port, case)
        self.load_options = {**type(self).load_options, "publish-port": self.second_port}
        return [Helper("redis", redis, self.redis_port, True),
                Helper("publishing node", node, self.second_port, True)]


class PlugboardRedis(TwoNodes, Plugboard):
    """A channel for each topic."""

    name = "plugboard-redis"
    layout = "topics"

    @property
    def own_settings(self):
        return {"broker.plugin": "redis", "broker.redis.url": self.redis_url, "broker.redis.layout": self.layout}

    def extras(self, running, generator_core, case):
        """What PUBLISH alone does on the same Redis, to a channel without subscribers."""
        if "rate" in case.load:
            return {}
        figures = {}
        for pipeline, requests in ((16, 300000), (1, 50000)):
            done = subprocess.run(
                ["taskset", "-c", generator_core, find_tool("redis-benchmark"), "-p",
                 str(self.redis_port), "-n", str(requests), "-P", str(pipeline), "--csv", "publish",
                 "plugbench", "x" * 120], capture_output=True, text=True, timeout=60, check=False)
            rate = done.stdout.strip().splitlines()[-1].split(",")[1].strip('"') if done.stdout else "0"
            figures[f"redis-benchmark PUBLISH/s, -P {pipeline}"] = float(rate)
        return figures


class PlugboardSingle(PlugboardRedis):
    """The one channel with JSON that Spring nodes use, too."""

    name = "plugboard-single"
    layout = "single"

    def extras(self, running, generator_core, case):
        return {}


class SpringTwoNodes(TwoNodes):
    protocol = "stomp-app"
    warm_up_cpu_s = 80  # of two


class Spring3Redis(SpringTwoNodes, Spring3):
    name = "spring3-redis"


class Spring4Redis(SpringTwoNodes, Spring4):
    name = "spring4-redis"


class Spring4TunedRedis(SpringTwoNodes, Spring4Tuned):
    """And one thread that handles what Redis sends, instead of a new one for each message."""

    name = "spring4-tuned-redis"


class CentrifugoRedis(TwoNodes, Centrifugo):
    """Its Redis engine."""

    name = "centrifugo-redis"


class SocketIoRedis(TwoNodes, SocketIo):
    """@socket.io/redis-adapter."""

    name = "socketio-redis"
    warm_up_cpu_s = 2 * SocketIo.warm_up_cpu_s

    def version(self):
        return "with @socket.io/redis-adapter; " + super().version()
