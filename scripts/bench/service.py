"""The sections of docs/benchmarks.md about the node over DDS; latency.py and overlay.py measure, run.py writes all."""

TITLE = "## pixel_to_world over DDS, idle and while sweeps run"
OVERLAY_TITLE = "## From image to overlay over DDS, pairs at 30 Hz"
# ms at the 99th percentile while a sweep runs, whatever the client.
BOUNDS = {1: 5.0, 10_000: 20.0}


def section(found):
    """Lines from what latency.py found."""
    profile = f" All processes have `{found['profile']}`." if "profile" in found else ""
    lines = [
        TITLE, "",
        f"{found['date']}, {found['cpu']}, {found['cores']} cores, load average {found['load']:.1f} when it began. The simulated "
        "cell renders 1280×720 pairs on the same cores, in time that nobody else wants (SCHED_IDLE): real cameras take none; while sweeps run, the node calibrates from them, one sweep after the "
        "other, mapping and all. `r2r, echo` is the same exchange with a service that answers at once: what DDS and r2r's "
        "conversions take, a floor for any node: a bound below it can't be met on this machine, whatever the node does. For "
        f"rclpy, in brackets, what Python alone takes to encode a request and to decode its answers.{profile}", "",
        "| client | pairs per call | idle: p50, ms | p99, ms | sweeps: calls | p50, ms | p99, ms | bound for p99, ms |",
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


def overlays(found):
    """Lines from what overlay.py found."""
    received = min(row["pairs_hz"] for row in found["rows"])
    lines = [
        OVERLAY_TITLE, "",
        f"{found['date']}, {found['cpu']}, {found['cores']} cores, load average {found['load']:.1f} when it began. A calibrated "
        "node; a process of its own sends it one simulated 1280×720 pair again and again, at 30 Hz. The "
        "age of an overlay is the time from its image's stamp, taken as the pair is published, to the subscriber's callback; "
        "way is the part of it after the node has handed the overlay to DDS. Not every pair is drawn, by design: the parameter "
        "`overlay.rate` (2 Hz by default, 30 at most) says how long each camera's drawing pauses before it takes the latest "
        "pair; then come a fit, which begins with that of the image before, and the drawing, which add to the period. While nobody looks, the node takes "
        f"{found['unseen_cores']:.2f} cores. All processes have `config/fastdds.xml`: of the pairs the node then received "
        f"{received:.1f} per second, with Fast DDS's own settings of the sender {found['plain_pairs_hz']:.1f}.", "",
        "| `overlay.rate`, Hz | camera | overlays | per second | age: p50, ms | p99, ms | way: p50, ms | node, cores |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for row in found["rows"]:
        lines.append(
            f"| {row['overlay_hz']:.0f} | {row['camera']} | {row['overlays']} | {row['per_s']:.1f} | {row['p50_ms']:.0f} | "
            f"{row['p99_ms']:.0f} | {row['way_p50_ms']:.1f} | {row['cores']:.2f} |"
        )
    return lines


def replace(text, lines):
    """`text` with the section put in the place of the one of the same title, else at its end."""
    before, _, rest = text.partition(lines[0])
    after = rest.find("\n## ")
    tail = rest[after:] if after >= 0 else "\n"
    return before.rstrip() + "\n\n" + "\n".join(lines) + "\n" + tail.rstrip() + ("\n" if tail.strip() else "")
