# SPDX-License-Identifier: Apache-2.0
"""summary.py FIGURES: the table of a run of run.sh, medians over rounds; ratios are paired within a round."""
import statistics
import sys

rows = [dict(word.split("=", 1) for word in line.split()) for line in open(sys.argv[1])]
titles = {
    "h1": "HTTP/1.1, 64 connections, 1 KiB: µs of CPU per request",
    "h2": "HTTP/2, 4 connections of 32 streams, 1 KiB: µs of CPU per request",
    "rate": "2,000 requests a second: µs of CPU per request",
    "churn": "a connection per request: µs of CPU per request",
    "bulk1": "bodies of 1 MiB: µs of CPU per MiB",
    "bulk10": "bodies of 10 MiB: µs of CPU per MiB",
    "handshake": "full mTLS handshakes: µs of CPU of B each",
}
mib = {"bulk1": 1, "bulk10": 10}


def cpu(row):
    done = int(row["done"]) * mib.get(row["test"], 1)
    used = int(row["cpu_b"]) + (0 if row["test"] == "handshake" else int(row["cpu_a"]))
    return used / done if done else float("nan")


def rate(row):
    return int(row["done"]) * mib.get(row["test"], 1) / float(row["seconds"])


for test, title in titles.items():
    windows = [r for r in rows if r["test"] == test]
    if not windows:
        continue
    print(f"\n**{title}**\n\n| peer | CPU | of A | of B | ratio | per second | p50 µs | p99 µs | failed |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    base = {r["round"]: cpu(r) for r in windows if r["peer"] == "haproxy"}
    for peer in dict.fromkeys(r["peer"] for r in windows):
        mine = [r for r in windows if r["peer"] == peer]
        median = lambda f: statistics.median(f(r) for r in mine)
        share = lambda side: median(lambda r: int(r[side]) / max(1, int(r["done"]) * mib.get(test, 1)))
        ratios = [cpu(r) / base[r["round"]] for r in mine if r["round"] in base]
        ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
        latency = lambda name: f"{median(lambda r: int(r[name])):.0f}" if name in mine[0] else ""
        failed = sum(int(r["failed"]) for r in mine)
        print(f"| {peer} | {median(cpu):.1f} | {share('cpu_a'):.1f} | {share('cpu_b'):.1f} | {ratio} | {median(rate):,.0f} | {latency('p50_us')} | {latency('p99_us')} | {failed} |")

idle = [r for r in rows if r["test"].startswith("idle")]
if idle:
    print("\n**Held connections**\n\n| peer | side | RSS before, KiB | connections | KiB each |\n|---|---|---:|---:|---:|")
    for r in idle:
        side = "plain, A" if r["test"] == "idle-plain" else "mTLS, B"
        print(f"| {r['peer']} | {side} | {int(r['rss']):,} | {int(r['connections']):,} | {r['kib']} |")
