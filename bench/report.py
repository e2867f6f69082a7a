"""Makes the table, the Markdown and the chart from results (what bench/run writes as JSON)."""

import pathlib
import statistics
import textwrap

import chart
import summary
from cases import CASES, METRICS

NOISY = 0.1  # share of the time for which other work kept the server off its core


def figure(result, metric):
    value = result
    for key in metric.path:
        value = (value or {}).get(key)
    return value


def shortened(error, width):
    """What a run failed of, without what the programs said besides."""
    return textwrap.shorten(error.partition("\n")[0].partition(";")[0], width, placeholder=" …")


def median_of(samples):
    """Medians of all numbers in objects of one shape."""
    first = samples[0]
    if isinstance(first, dict):
        return {k: median_of([s[k] for s in samples if k in s]) for k in first}
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        return statistics.median(samples)
    return first


class Row:
    """One contestant in one case."""

    def __init__(self, case, name, samples):
        metric = METRICS[case.metric]
        self.case, self.name, self.metric = case, name, metric
        good = [s for s in samples if "error" not in s]
        self.errors = [shortened(s["error"], 110) for s in samples if "error" in s]
        self.runs, self.n_good = len(samples), len(good)
        self.wrong = sum(s[k] for s in good for k in ("lost", "doubled", "foreign"))
        self.median = median_of(good) if good else {}
        values = [figure(s, metric) for s in good
                  if s["deliveries"] or not case.load.get("subscribers") or not metric.relative]
        self.value = statistics.median(values) if values else None
        self.best = (max if metric.more_is_better else min)(values) if values else None
        self.reordered = sum(s.get("reordered", 0) for s in good)
        self.delivered = sum(s["deliveries"] for s in good)
        self.ratio = self.best_ratio = self.to_own = None

    def compare(self, yardstick, own):
        if own and own.value and own.value > 0 and self.value is not None:
            self.to_own = self.value / own.value
        if self.metric.relative and yardstick and yardstick.value and self.value is not None:
            self.ratio = self.value / yardstick.value
            self.best_ratio = self.best / yardstick.best if yardstick.best else None

    def kernel_share(self):
        """Of the CPU time; None where it is too short to tell from clock ticks."""
        server = self.median.get("server", {})
        total = server.get("user_s", 0) + server.get("system_s", 0)
        return server["system_s"] / total if total >= 0.1 else None

    def text(self, value):
        return chart.number(value, self.metric.digits)

    def label(self):
        if self.value is None:
            why = self.errors[-1] if self.errors else f"{self.wrong:,} deliveries wrong, none right"
            return "not measured: " + shortened(why, 70)
        label = f"{self.text(self.value)} {self.metric.unit}".strip()
        if self.ratio is not None:
            label += f"  ({self.ratio:,.2f} × {self.case.yardstick})"
        elif self.to_own is not None:
            label += f"  ({self.to_own:,.2f} × {self.case.own})"
        if self.wrong:
            label += f"  {self.wrong:,} deliveries wrong"
        return label

    def remarks(self):
        remarks = []
        for name in self.case.also:
            metric = METRICS[name]
            value = figure(self.median, metric)
            if value is not None:
                remarks.append(f"{metric.title}: {chart.number(value, metric.digits)} {metric.unit}".strip())
        parts = self.median.get("parts", {})
        if parts and self.case.metric == "delivery":
            remarks.append("of it " + ", ".join(f"{n} {v:.2f} µs" for n, v in parts.items()))
        remarks += [f"{n}: {v:,.0f}" for n, v in self.median.get("extras", {}).items()]
        wait = self.median.get("server", {}).get("wait_share", 0)
        if wait > NOISY and not self.case.generator_cores and len(parts) < 2:
            remarks.append(f"not quiet: other work kept the server off its core {wait:.0%} of the time")
        if self.reordered:
            remarks.append(f"{100 * self.reordered / max(1, self.delivered):.2g} % out of order")
        if self.wrong:
            remarks.append(f"{self.wrong:,} deliveries wrong")
        if self.errors:
            remarks.append(f"{len(self.errors)} of {self.runs} runs failed: {self.errors[-1]}")
        return remarks


def pool(several):
    """Joins the samples of several runs on one machine. Every run has its contestants take turns, so
    that medians of all of them compare as those of one do. Where the load was another (half of what
    was found to be saturation), the run with more samples stands for the case."""
    first = several[0]
    for other in several[1:]:
        known = {c["name"]: i for i, c in enumerate(first["cases"])}
        first["versions"].update(other["versions"])
        first["took_s"] += other["took_s"]
        for case in other["cases"]:
            at = known.get(case["name"])
            if at is None:
                first["cases"].append(case)
            elif first["cases"][at]["title"] == case["title"]:
                mine = first["cases"][at]["samples"]
                for name, samples in case["samples"].items():
                    mine[name] = mine.get(name, []) + samples
            elif sum(map(len, case["samples"].values())) > sum(
                    map(len, first["cases"][at]["samples"].values())):
                first["cases"][at] = case
    return first


def rows_of(results):
    """[(case, title, [Row])] of the cases that the table still has."""
    known = {c.name: c for c in CASES}
    found = []
    for measured in results["cases"]:
        case = known.get(measured["name"])
        if not case:
            continue
        rows = [Row(case, name, samples) for name, samples in measured["samples"].items() if samples]
        order = [*case.who]
        rows.sort(key=lambda r: order.index(r.name) if r.name in order else len(order))
        yardstick = next((r for r in rows if r.name == case.yardstick), None)
        own = next((r for r in rows if r.name == case.own), None)
        for row in rows:
            row.compare(yardstick, own if case.own != case.yardstick else None)
        found.append((case, measured["title"], rows))
    return found


def own_failures(results):
    return any(row.errors or row.wrong for _, _, rows in rows_of(results) for row in rows
               if row.name in ("limit", "plugboard"))


def print_table(results):
    line = "{:<16} {:<20} {:>10} {:>10} {:>7} {:>7} {:>13} {:>9} {:>9} {:>9}"
    print(line.format("case", "server", "figure", "best", "ratio", "× own", "deliveries/s", "p50 µs", "p99 µs", "p99.9 µs"))
    for case, title, rows in rows_of(results):
        metric = METRICS[case.metric]
        print(f"-- {title}: {metric.title}, {metric.unit}")
        for row in rows:
            if row.value is None:
                print(f"{case.name:<16} {row.name:<20} {row.label()}")
                continue
            m, latency = row.median, row.median["latency_us"]
            print(line.format(case.name, row.name, row.text(row.value), row.text(row.best),
                              *(f"{r:.2f}" if r is not None else "-" for r in (row.ratio, row.to_own)),
                              chart.number(m["deliveries_per_s"], 0),
                              *(chart.number(latency[q], 0) for q in ("p50", "p99", "p999"))))
            for remark in row.remarks():
                print(f"{'':<32} {remark}")


def provenance(results):
    m = results["machine"]
    return (f"Measured {results['date'][:10]} on {m['cores']} cores of {m['cpu']}, Linux {m['kernel']}, loopback, "
            f"{m['file_descriptors']:,} file descriptors; runs of {results['duration_s']:g} s, in all "
            f"{results['took_s'] / 60:.0f} minutes.")


def markdown(results):
    lines = [
        f"{provenance(results)} The column *runs* says how many each median is of: one run says little.", "",
        "| contestant | version |", "| --- | --- |",
        *(f"| {n} | {v} |" for n, v in results["versions"].items()), ""]
    for case, title, rows in rows_of(results):
        metric = METRICS[case.metric]
        better = ", more is better" if metric.more_is_better else ""
        unit = f", {metric.unit}" if metric.unit else ""
        delivers = any(r.median.get("deliveries") for r in rows)
        lines += [f"**{title}** (`{case.name}`)", ""]
        head = ["server", "runs", f"{metric.title}{unit}{better}", "best run"]
        head += [f"× {case.yardstick}", "best × best"] if metric.relative else []
        to_own = any(r.to_own is not None for r in rows)
        head += [f"× {case.own}"] if to_own else []
        head += ["deliveries/s", "p50 µs", "p99 µs", "p99.9 µs"] if delivers else []
        kernel = any(r.kernel_share() is not None for r in rows)
        head += ["kernel"] if kernel else []
        head += ["remarks"]
        lines += ["| " + " | ".join(head) + " |",
                  "| --- |" + " ---: |" * (len(head) - 2) + " --- |"]
        for row in rows:
            cells = [row.name, str(row.n_good)]
            if row.value is None:
                cells += ["–"] * (len(head) - 3) + [row.label()]
            else:
                cells += [row.text(row.value), row.text(row.best)]
                if metric.relative:
                    cells += [f"{r:.2f}" if r is not None else "–" for r in (row.ratio, row.best_ratio)]
                if to_own:
                    cells.append(f"{row.to_own:.2f}" if row.to_own is not None else "–")
                if delivers:
                    cells.append(chart.number(row.median["deliveries_per_s"], 0))
                    cells += [chart.number(row.median["latency_us"][q], 0) for q in ("p50", "p99", "p999")]
                if kernel:
                    share = row.kernel_share()
                    cells.append(f"{share:.0%}" if share is not None else "–")
                cells.append("; ".join(row.remarks()))
            lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def replace(path, text, name, new):
    """The text with what is between its markers replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise SystemExit(f"{path}: needs one line {begin} and, after it, one line {end}")
    before, rest = text.split(begin)
    return f"{before}{begin}\n\n{new.strip()}\n\n{end}{rest.split(end)[1]}"


def noise(results):
    """A sentence when the machine was not quiet; ""."""
    waits = [r.median["server"]["wait_share"] for _, _, rows in rows_of(results) for r in rows if "server" in r.median]
    disturbed = sum(wait > NOISY for wait in waits) / len(waits) if waits else 0
    return (f" **The machine was not quiet**: in {disturbed:.0%} of the rows other work kept the server off its core for "
            "more than a tenth of the time." if disturbed > 0.25 else "")


def peers(results):
    """Each peer's ratio to Plugboard; "" without peers."""
    table = summary.matrix(rows_of(results))
    bold = " In bold: where a peer is ahead." if any("**" in line for line in table) else ""
    return "\n".join([f"{provenance(results)}{noise(results)}{bold}", "", *table]) if table else ""


def savings(results):
    """"" where Spring was not measured in what the arithmetic needs."""
    text = summary.savings(rows_of(results))
    return f"Figures of {results['date'][:10]}.{noise(results)}\n\n{text}" if text else ""


def write_markdown(results, path: pathlib.Path, sections):
    """Returns the names of what it has replaced. Without peers in the results what is said of them stays."""
    text, written = path.read_text(), []
    for name, make in (("results", markdown), ("peers", peers), ("savings", savings)):
        if name not in sections or (name != "results" and f"<!-- {name}: begin -->" not in text):
            continue
        new = make(results)
        if new:
            text = replace(path, text, name, new)
            written.append(name)
    path.write_text(text)
    return written


def write_chart(results, path, chosen_only=False):
    panels = []
    for case, title, rows in rows_of(results):
        if chosen_only and not case.chart:
            continue
        metric = METRICS[case.metric]
        note = "more is better" if metric.more_is_better else "less is better"
        panels.append((title, f"{metric.title}; {note}", case.yardstick if metric.relative else case.own,
                       [(r.name, r.value, r.label()) for r in rows]))
    m = results["machine"]
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.write(path, "Plugboard beside a hand-written epoll server and its peers",
                f"medians of runs of {results['duration_s']:g} s, {results['date'][:10]}; "
                f"server on one core of {m['cpu']}, Linux {m['kernel']}, loopback", panels)
