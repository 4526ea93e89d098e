"""The section of docs/benchmarks.md about the service; latency.py measures, run.py writes it with all others."""

TITLE = "## pixel_to_world over DDS, idle and while sweeps run"
# ms at the 99th percentile while a sweep runs, whatever the client.
BOUNDS = {1: 5.0, 10_000: 20.0}


def section(found):
    """Lines from what latency.py found."""
    lines = [
        TITLE, "",
        f"{found['date']}, {found['cpu']}, {found['cores']} cores, load average {found['load']:.1f} when it began. The simulated "
        "cell renders 1280×720 pairs on the same cores; while sweeps run, the node calibrates from them, one sweep after the "
        "other, mapping and all. `r2r, echo` is the same exchange with a service that answers at once: what DDS and r2r's "
        "conversions take, a floor for any node: a bound below it can't be met on this machine, whatever the node does. For rclpy, in brackets, what Python alone takes to encode a request and to "
        "decode its answers.", "",
        "| client | pairs a call | idle: p50, ms | p99, ms | sweeps: calls | p50, ms | p99, ms | bound for p99, ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for row in found["rows"]:
        idle, sweep, pairs = row["idle"], row["sweep"], row["pairs"]
        own = f" ({row['own_ms']:.2f})" if "own_ms" in row else ""
        bound = f"{BOUNDS[pairs]:.0f}" if pairs in BOUNDS and "echo" not in row["client"] else ""
        lines.append(
            f"| {row['client']}{own} | {pairs} | {idle['p50_ms']:.2f} | {idle['p99_ms']:.2f} | {sweep['calls']} | "
            f"{sweep['p50_ms']:.2f} | {sweep['p99_ms']:.2f} | {bound} |"
        )
    return lines


def replace(text, lines):
    """`text` with the section put in the place of the one it has, else at its end."""
    before, _, rest = text.partition(TITLE)
    after = rest.find("\n## ")
    tail = rest[after:] if after >= 0 else "\n"
    return before.rstrip() + "\n\n" + "\n".join(lines) + "\n" + tail.rstrip() + ("\n" if tail.strip() else "")
