"""The cases of the benchmark: what is measured, on what load, for whom.

To add a case, add a line to CASES. `load` goes to plugload as options (True: an option without a
value), `settings` to Plugboard as --set, `who` names the contestants, `metric` says which figure is
the case's own and `also` which others stand beside it (see METRICS). Ratios are to `yardstick`.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Metric:
    path: tuple  # into the JSON object that plugload prints
    title: str
    unit: str
    digits: int
    relative: bool = True  # whether the yardstick is one for it
    more_is_better: bool = False


METRICS = {
    "delivery": Metric(("server", "cpu_us_per_delivery"), "server CPU per delivered message", "µs", 2),
    "publish": Metric(("server", "cpu_us_per_publish"), "server CPU per published message", "µs", 3),
    "busiest-delivery": Metric(("server", "busiest_us_per_delivery"),
                               "CPU of the busiest thread per delivered message", "µs", 3),
    "busiest-publish": Metric(("server", "busiest_us_per_publish"),
                              "CPU of the busiest thread per published message", "µs", 3),
    "published": Metric(("published_per_s",), "published", "messages/s", 0, more_is_better=True),
    "open": Metric(("server", "cpu_us_per_open"), "server CPU per new connection", "µs", 1),
    "open-time": Metric(("opened", "seconds"), "time until all are served", "s", 2),
    "opened": Metric(("opened", "per_s"), "opened", "connections/s", 0, more_is_better=True),
    "memory": Metric(("server", "bytes_per_idle"), "server memory per idle connection", "bytes", 0,
                     relative=False),
    "idle-cpu": Metric(("server", "cpu_ns_per_idle_s"), "server CPU per idle connection and second", "ns", 0),
    "latency-p50": Metric(("latency_us", "p50"), "publish to receive, median", "µs", 0),
    "latency": Metric(("latency_us", "p99"), "publish to receive, 99th percentile", "µs", 0),
    "latency-p999": Metric(("latency_us", "p999"), "publish to receive, 99.9th percentile", "µs", 0),
    "late": Metric(("generator", "late_us", "p50"), "of it the generator published late, median", "µs", 0),
    "late-p99": Metric(("generator", "late_us", "p99"), "99th percentile", "µs", 0),
    "storm-time": Metric(("storm", "seconds"), "time until all are back", "s", 3),
    "storm-cpu": Metric(("storm", "server_cpu_s"), "server CPU meanwhile, deliveries among it", "s", 3),
    "storm-p50": Metric(("storm", "latency_us", "p50"), "publish to receive meanwhile, median", "µs", 0),
    "storm-p99": Metric(("storm", "latency_us", "p99"), "99th percentile", "µs", 0),
    "storm-max": Metric(("storm", "latency_us", "max"), "most", "µs", 0),
    "storm-more": Metric(("storm", "p99_more_us"), "99th percentile over that without a storm", "µs", 0),
    "generator": Metric(("generator", "cpu_share"), "CPU of the generator, of one core", "", 2, relative=False),
}

HALF = "half"  # as a rate: half of what the slower of limit and Plugboard can do in a closed loop, measured first

OWN = ("limit", "plugboard")
WAYS = (*OWN, "limit-ring", "plugboard-send")
PEERS = ("mosquitto", "nats", "nchan")
# RabbitMQ has no part in what would take it minutes: bursts to 10,000 subscribers.
BUT_RABBITMQ = (*WAYS, *PEERS)
ALL = (*BUT_RABBITMQ, "rabbitmq")
# Where little is written the way of writing makes no difference.
FIELD = (*OWN, *PEERS, "rabbitmq")
AUTH = ("plugboard", "plugboard-auth")
STORMED = (*AUTH, "plugboard-auth-new")
XHR = ("plugboard", "plugboard-xhr")
DEFLATE = ("plugboard", "plugboard-deflate")
CHAT = ("plugboard-auth", "plugboard-chat")
TLS = ("limit-tls", "plugboard", "plugboard-tls", "nchan-tls", "mosquitto-tls")


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    metric: str
    load: dict
    who: tuple = OWN
    also: tuple = ()
    settings: dict = field(default_factory=dict)
    yardstick: str = "limit"
    server_cores: str = ""  # instead of the usual one
    generator_cores: str = ""  # likewise; the generator then sleeps when it has nothing to do
    quick: bool = False
    chart: bool = False  # whether it is in the chart of the documentation

    def connections(self):
        return sum(int(self.load.get(k, 0)) for k in ("subscribers", "idle", "publishers", "storm")) + 1


def fan_out(n, in_flight=1, **load):
    return {"subscribers": n, "in-flight": in_flight, **load}


LATE = ("late", "late-p99")
STORM = ("storm-cpu", "storm-p50", "storm-p99", "storm-max", "storm-more")
SHORT = {"duration": 0.2, "warmup": 0.1}
NONE = {"duration": 0, "warmup": 0}

CASES = [
    # Fan-out, one message at a time and in bursts.
    Case("1-1", "1 → 1, 1 in flight", "delivery", fan_out(1), ALL),
    Case("1-1-x16", "1 → 1, 16 in flight", "delivery", fan_out(1, 16), FIELD),
    Case("1-100", "1 → 100, 1 in flight", "delivery", fan_out(100), ALL),
    Case("1-100-x16", "1 → 100, 16 in flight", "delivery", fan_out(100, 16), ALL),
    Case("1-1000", "1 → 1,000, 1 in flight", "delivery", fan_out(1000), ALL, quick=True, chart=True),
    Case("1-1000-x16", "1 → 1,000, 16 in flight", "delivery", fan_out(1000, 16), ALL, quick=True,
         chart=True),
    Case("1-10000", "1 → 10,000, 1 in flight", "delivery", fan_out(10000), BUT_RABBITMQ),
    Case("1-10000-x16", "1 → 10,000, 16 in flight", "delivery", fan_out(10000, 16), BUT_RABBITMQ, chart=True),
    Case("1-1000-4k", "1 → 1,000, body of 4 KiB, 1 in flight", "delivery", fan_out(1000, body=4096),
         BUT_RABBITMQ),
    Case("1-1000-4k-x16", "1 → 1,000, body of 4 KiB, 16 in flight", "delivery",
         fan_out(1000, 16, body=4096), BUT_RABBITMQ),
    Case("topics", "1,000 topics × 10 subscribers, 16 in flight", "delivery",
         fan_out(10000, 16, topics=1000), FIELD, chart=True),
    # As many as 20,000 file descriptors allow.
    Case("pairs", "9,900 topics × 2 subscribers, 16 in flight", "delivery", fan_out(19800, 16, topics=9900), OWN),

    # Small rooms with little to do: the generator sleeps before each message, and so does the server.
    Case("room-1-1", "a quiet room: 1 → 1, 200 µs of sleep before each message", "delivery",
         fan_out(1, pause=200), WAYS, chart=True),
    Case("room-1-2", "a quiet room: 1 → 2, 200 µs of sleep before each message", "delivery",
         fan_out(2, pause=200), WAYS),
    Case("room-1-10", "a quiet room: 1 → 10, 200 µs of sleep before each message", "delivery",
         fan_out(10, pause=200), WAYS, chart=True),

    # Beside idle connections.
    Case("1-1000-idle", "1 → 1,000 beside 10,000 idle, 1 in flight", "delivery",
         fan_out(1000, idle=10000), quick=True),
    Case("1-1000-x16-idle", "1 → 1,000 beside 10,000 idle, 16 in flight", "delivery",
         fan_out(1000, 16, idle=10000), quick=True),
    Case("idle-10000", "1 → 10 beside 10,000 idle, 1 in flight", "delivery", fan_out(10, idle=10000), (*OWN, *PEERS)),
    Case("idle-19000", "1 → 10 beside 19,000 idle, 1 in flight", "delivery", fan_out(10, idle=19000), (*OWN, *PEERS),
         chart=True),
    Case("idle-19000-x16", "1 → 10 beside 19,000 idle, 16 in flight", "delivery",
         fan_out(10, 16, idle=19000)),

    # Connections.
    Case("idle-memory", "10,000 idle subscribed connections", "memory", fan_out(1, idle=10000, **SHORT), FIELD,
         quick=True, chart=True),
    Case("idle-cpu", "10,000 idle, heart-beats every 10 s both ways", "idle-cpu",
         fan_out(0, idle=10000, hold=10, **{"heart-beat": 10000}, **NONE), ("plugboard",), chart=True),
    Case("open-19000", "19,000 connections: accept, upgrade, CONNECT, SUBSCRIBE", "open-time",
         fan_out(0, idle=19000, **NONE), FIELD, ("opened", "open"), chart=True),
    Case("silent-19000", "19,000 connections that say nothing", "open",
         fan_out(0, idle=19000, silent=True, **NONE), OWN),

    # Publishing that nobody listens to: the whole way in.
    Case("publish", "publish to nobody, 256 in flight", "publish", fan_out(0, 256), FIELD, ("published",),
         chart=True),
    Case("publish-bulk", "publish to nobody, ready-made blocks of 500 from 4 publishers", "published",
         fan_out(0, 500, publishers=4, bulk=True), OWN, ("publish",)),

    # Latency: open loop, from the time a message is due.
    Case("latency-100", "1 → 100 at 500 messages/s", "latency", fan_out(100, rate=500), WAYS),
    Case("latency-1000", "1 → 1,000 at 50 messages/s", "latency", fan_out(1000, rate=50), FIELD),
    Case("half-100", "1 → 100 at half of saturation", "latency-p999", fan_out(100, rate=HALF), WAYS, LATE,
         chart=True),
    Case("half-1000", "1 → 1,000 at half of saturation", "latency-p999", fan_out(1000, rate=HALF), WAYS, LATE,
         chart=True),
    Case("half-100-x16", "1 → 100 at half of the saturation with bursts of 16", "latency",
         fan_out(100, 16, rate=HALF), WAYS, LATE),

    # Two workers. Server and generator share both cores; see docs/performance.md.
    Case("workers-publish", "2 workers: publish to nobody, ready-made blocks of 500 from 128 publishers",
         "busiest-publish", fan_out(0, 500, publishers=128, bulk=True), ("plugboard", "plugboard-2"),
         ("published", "publish", "generator"), yardstick="plugboard", server_cores="0,1",
         generator_cores="0,1", chart=True),
    Case("workers-fan-out", "2 workers: 1 → 1,000 at 50 messages/s", "busiest-delivery",
         fan_out(1000, rate=50), ("plugboard", "plugboard-2"), ("delivery",), yardstick="plugboard",
         server_cores="0,1", generator_cores="0,1"),

    # Two nodes over Redis: published on one, received on the other; all of them on the server's core.
    Case("redis", "1 → 1 over two nodes and Redis, 256 in flight", "delivery", fan_out(1, 256),
         ("plugboard", "plugboard-redis"), yardstick="plugboard"),
    Case("redis-latency", "1 → 1 over two nodes and Redis at 1,000 messages/s", "latency-p50",
         fan_out(1, rate=1000), ("plugboard", "plugboard-redis"), yardstick="plugboard"),

    # Tokens and 30 rules, beside the same without. What is published is judged in each of these.
    Case("auth-1-1-x16", "1 → 1, 16 in flight", "publish", fan_out(1, 16), AUTH, yardstick="plugboard"),
    Case("auth-1-100", "1 → 100, 1 in flight", "delivery", fan_out(100), AUTH, yardstick="plugboard"),
    Case("auth-1-1000", "1 → 1,000, 1 in flight", "delivery", fan_out(1000), AUTH, yardstick="plugboard"),
    Case("auth-1-1000-x16", "1 → 1,000, 16 in flight", "delivery", fan_out(1000, 16), AUTH,
         yardstick="plugboard"),
    Case("auth-publish", "publish to nobody, 256 in flight", "publish", fan_out(0, 256), AUTH, ("published",),
         yardstick="plugboard"),
    # The chat of etc/chat.ini, beside clients that publish by themselves.
    Case("chat-1-100", "1 → 100, 1 in flight", "publish", fan_out(100), CHAT, ("delivery",),
         yardstick="plugboard-auth"),
    Case("chat-publish", "publish to nobody, 256 in flight", "publish", fan_out(0, 256), CHAT,
         ("published",), yardstick="plugboard-auth"),
    # Clients that all come back, beside messages to others. What each takes stands in the remarks.
    Case("auth-storm", "5,000 clients come back at once beside 1 → 100 at 500 messages/s", "storm-time",
         fan_out(100, rate=500, storm=5000, duration=4, sources=16), STORMED,
         STORM, yardstick="plugboard"),
    Case("auth-storm-cores", "the same, server and generator on both cores", "storm-time",
         fan_out(100, rate=500, storm=5000, duration=4, sources=16), STORMED, STORM, yardstick="plugboard",
         server_cores="0,1", generator_cores="0,1"),

    # Subscribers by streams of SockJS, and compressed ones, beside plain WebSockets.
    Case("sockjs-1000", "1 → 1,000, 1 in flight", "delivery", fan_out(1000), XHR, yardstick="plugboard"),
    Case("sockjs-1000-x16", "1 → 1,000, 16 in flight", "delivery", fan_out(1000, 16), XHR,
         yardstick="plugboard"),
    Case("deflate-1000", "1 → 1,000, 1 KB of JSON, 1 in flight", "delivery",
         fan_out(1000, body=1024, json=True), DEFLATE, yardstick="plugboard"),
    Case("deflate-1000-x16", "1 → 1,000, 1 KB of JSON, 16 in flight", "delivery",
         fan_out(1000, 16, body=1024, json=True), DEFLATE, yardstick="plugboard"),

    # TLS 1.3, AES-128-GCM, ECDSA P-256.
    Case("tls-1-1000", "TLS: 1 → 1,000, 1 in flight", "delivery", fan_out(1000), TLS, yardstick="limit-tls"),
    Case("tls-1-1000-x16", "TLS: 1 → 1,000, 16 in flight", "delivery", fan_out(1000, 16), TLS,
         yardstick="limit-tls"),
    Case("tls-1-1", "TLS: 1 → 1, 1 in flight", "delivery", fan_out(1), TLS, yardstick="limit-tls"),
    Case("tls-1-1000-4k", "TLS: 1 → 1,000, body of 4 KiB, 1 in flight", "delivery", fan_out(1000, body=4096),
         TLS, yardstick="limit-tls"),
    Case("tls-idle-memory", "TLS: 5,000 idle subscribed connections", "memory",
         fan_out(1, idle=5000, **SHORT), TLS, yardstick="limit-tls"),
    Case("tls-open-5000", "TLS: 5,000 connections with whole handshakes", "open",
         fan_out(0, idle=5000, **NONE), ("limit-tls", "plugboard-tls"), ("opened",), yardstick="limit-tls"),
    # Whole handshakes beside messages to others.
    Case("tls-storm", "TLS: 5,000 clients come back at once beside 1 → 100 at 500 messages/s", "storm-time",
         fan_out(100, rate=500, storm=5000, duration=8, sources=16), ("limit-tls", "plugboard-tls"),
         ("latency", *STORM), yardstick="limit-tls"),
]
