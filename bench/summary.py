"""What follows from the results: peers beside Plugboard in one table, and what is saved by those who come
from Spring. Works on the rows of report.py; writes Markdown."""

import math

# What stands for Spring and for Plugboard in the arithmetic, and the machine that it is made for.
SPRINGS = {"plugboard": ("spring3", "spring4", "spring4-tuned"),
           "plugboard-redis": ("spring3-redis", "spring4-redis", "spring4-tuned-redis")}
CORES, GIGABYTES, SHARE = 4, 8, 0.5  # of a machine; the share of both that is planned with
KERNEL_BYTES = 4000  # of a connection, whatever the server: objects and buffers


def by_case(rows_of_results):
    return {case.name: (case, title, {r.name: r for r in rows}) for case, title, rows in rows_of_results}


def times(ratio):
    return f"{ratio:,.0f}" if ratio >= 9.95 else f"{ratio:.1f}" if ratio >= 1.995 else f"{ratio:.2f}"


def matrix(rows_of_results):
    """Each peer's figure divided by Plugboard's, of those that have one in any case; [] where none has."""
    groups = {}
    for case, title, rows in rows_of_results:
        own = next((r for r in rows if r.name == case.own), None)
        peers = [r for r in rows if not r.name.startswith(("plugboard", "limit"))]
        if own and own.value and peers:
            groups.setdefault(case.own, []).append((case, title, own, peers))
    lines = []
    for own_name, cases in groups.items():
        names = list(dict.fromkeys(r.name for _, _, _, peers in cases for r in peers if r.value is not None))
        if not names:
            continue
        lines += [f"| each peer's figure divided by that of {own_name} | {own_name} | " + " | ".join(names) + " |",
                  "| --- |" + " ---: |" * (1 + len(names))]
        for case, title, own, peers in cases:
            cells = []
            for name in names:
                row = next((r for r in peers if r.name == name), None)
                if row is None or row.value is None:
                    cells.append("" if row is None else "–")
                    continue
                ratio = row.value / own.value
                ahead = ratio > 1 if own.metric.more_is_better else ratio < 1
                cells.append(f"**{times(ratio)}**" if ahead else times(ratio))
            figure = f"{own.text(own.value)} {own.metric.unit}"
            lines.append(f"| {title} (`{case.name}`): {own.metric.title} | {figure} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


class Pair:
    """Spring's best row in a case, and Plugboard's."""

    def __init__(self, cases, name):
        case, self.title, rows = cases[name]
        self.own = rows[case.own].value
        self.spring, self.which = min((rows[n].value, n) for n in SPRINGS[case.own]
                                      if n in rows and rows[n].value is not None)


def machines(cores, clients, bytes_per_client):
    """(machines, what decides)."""
    by_cpu = cores / SHARE / CORES
    by_memory = clients * (bytes_per_client + KERNEL_BYTES) / (SHARE * GIGABYTES * 1e9)
    most = max(by_cpu, by_memory)
    return max(1, math.ceil(most)), "CPU" if by_cpu >= by_memory else "memory"


# (what is run, clients, deliveries/s, the case whose cost per delivery counts)
LOADS = (
    ("a chat: 50,000 clients in rooms of 100, two messages a second in each", 50000, 100000, "1-100"),
    ("scores: 100,000 clients, every one of them gets one message a second", 100000, 100000, "1-1000"),
    ("prices: 10,000 clients, 100 messages a second to all of them, in bursts", 10000, 1000000, "1-1000-x16"),
)


def savings(rows_of_results):
    """None where Spring was not measured beside Plugboard in what is needed."""
    cases = by_case(rows_of_results)
    try:
        memory = Pair(cases, "idle-memory")
        lines = ["| | Plugboard: CPU | machines | Spring's best: CPU | machines |", "| --- | ---: | ---: | ---: | ---: |"]
        for what, clients, deliveries, name in LOADS:
            pair, cells = Pair(cases, name), []
            for cost, each in ((pair.own, memory.own), (pair.spring, memory.spring)):
                cores = deliveries * cost / 1e6
                n, why = machines(cores, clients, each)
                cells += [f"{deliveries:,}/s × {cost:,.2f} µs = {cores:.1f} cores", f"{n} ({why})"]
            lines.append(f"| {what} (`{name}`) | " + " | ".join(cells) + " |")
        head = [f"A machine has {CORES} cores and {GIGABYTES} GB; {SHARE:.0%} of each is planned with. A connection takes "
                f"{memory.own / 1000:.1f} KB of Plugboard's memory and {memory.spring / 1000:.0f} KB of {memory.which}'s "
                f"(`idle-memory`), and {KERNEL_BYTES / 1000:g} KB of the kernel's with either.", ""]
        pair = Pair(cases, "redis")
        rate = 1e6 / pair.own, 1e6 / pair.spring
        tail = ["", f"Two nodes and their Redis on one core (`redis`): a message costs {pair.own:,.1f} µs with Plugboard and "
                f"{pair.spring:,.0f} µs with {pair.which}, which is {rate[0]:,.0f} and {rate[1]:,.0f} messages a second for a core: "
                f"{times(rate[0] / rate[1])} times as many."]
    except (KeyError, ValueError, TypeError):
        return None
    return "\n".join(head + lines + tail)
