"""The cases of the benchmark: what is measured, on what load.

To add a case, add a line to CASES. `load` goes to plugload as options, `settings` to Plugboard as
--set, `only` restricts the contestants to those named, `metric` says which figure the ratio to the
limit is made of (see METRICS).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metric:
    path: tuple  # into the JSON object that plugload prints
    title: str
    unit: str
    digits: int
    relative: bool = True  # whether the limit is a yardstick for it


METRICS = {
    "delivery": Metric(("server", "cpu_us_per_delivery"), "server CPU per delivered message", "µs", 2),
    "publish": Metric(("server", "cpu_us_per_publish"), "server CPU per published message", "µs", 2),
    "open": Metric(("server", "cpu_us_per_open"), "server CPU per new connection", "µs", 1),
    "memory": Metric(("server", "bytes_per_idle"), "server memory per idle connection", "bytes", 0,
                     relative=False),
    "latency": Metric(("latency_us", "p99"), "publish to receive, 99th percentile", "µs", 0),
}


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    metric: str
    load: dict
    settings: dict = field(default_factory=dict)
    only: tuple = ()
    server_cores: str = ""  # instead of the usual one
    quick: bool = False

    def connections(self):
        return sum(int(self.load.get(k, 0)) for k in ("subscribers", "idle", "publishers")) + 1


def fan_out(n, in_flight=1, **load):
    return {"subscribers": n, "in-flight": in_flight, **load}


CASES = [
    Case("1-1000", "1 → 1,000 subscribers, 1 message in flight", "delivery", fan_out(1000), quick=True),
    Case("1-1000-x16", "1 → 1,000, 16 in flight", "delivery", fan_out(1000, 16), quick=True),
    Case("1-1000-idle", "1 → 1,000 beside 10,000 idle, 1 in flight", "delivery",
         fan_out(1000, idle=10000), quick=True),
    Case("1-1000-x16-idle", "1 → 1,000 beside 10,000 idle, 16 in flight", "delivery",
         fan_out(1000, 16, idle=10000), quick=True),
    Case("idle-memory", "10,000 idle subscribed connections", "memory",
         fan_out(1, idle=10000, duration=0.2, warmup=0.1), quick=True),
    Case("1-1", "1 → 1, 1 in flight", "delivery", fan_out(1)),
    Case("1-1-x16", "1 → 1, 16 in flight", "delivery", fan_out(1, 16)),
    Case("1-100", "1 → 100, 1 in flight", "delivery", fan_out(100)),
    Case("1-100-x16", "1 → 100, 16 in flight", "delivery", fan_out(100, 16)),
    Case("1-10000", "1 → 10,000, 1 in flight", "delivery", fan_out(10000)),
    Case("1-10000-x16", "1 → 10,000, 16 in flight", "delivery", fan_out(10000, 16)),
    Case("topics", "1,000 topics × 10 subscribers, 16 in flight", "delivery",
         fan_out(10000, 16, topics=1000)),
    Case("idle-10000", "10,000 idle and 10 active, 1 in flight", "delivery",
         fan_out(10, idle=10000)),
    Case("idle-19000", "19,000 idle and 10 active, 1 in flight", "delivery",
         fan_out(10, idle=19000)),
    Case("1-1000-4k", "1 → 1,000, body of 4 KiB, 1 in flight", "delivery", fan_out(1000, body=4096)),
    Case("1-1000-4k-x16", "1 → 1,000, body of 4 KiB, 16 in flight", "delivery",
         fan_out(1000, 16, body=4096)),
    Case("publish", "publish to nobody, 256 in flight", "publish", fan_out(0, 256)),
    Case("open-19000", "19,000 connections: upgrade, CONNECT, SUBSCRIBE", "open",
         fan_out(0, idle=19000, duration=0, warmup=0)),
    Case("latency-100", "1 → 100 at 500 messages/s", "latency", fan_out(100, rate=500)),
    Case("latency-1000", "1 → 1,000 at 50 messages/s", "latency", fan_out(1000, rate=50)),
    Case("workers-2", "1 → 1,000, 1 in flight, 2 workers on both cores (the generator's too)",
         "delivery", fan_out(1000), {"server.workers": 2}, ("plugboard", "limit"), "0,1"),
]
