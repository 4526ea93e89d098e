"""The section of docs/benchmarks.md about the service; latency.py measures, run.py writes it with all others."""

TITLE = "## pixel_to_world over DDS, a sweep running"
# ms at the 99th percentile.
BOUNDS = {"1": 5.0, "10000": 20.0}


def section(found):
    """Lines from what latency.py found."""
    lines = [
        TITLE, "",
        f"A real rclpy client, {found['date']}, {found['cpu']}; load average {found['load']:.1f} on {found['cores']} cores when "
        "it began. Beside it the simulated cell renders 1280×720 pairs and the node calibrates from them. What the client itself "
        "needs to encode a request and to decode its answers, in Python, is in these times, and once more in a column of its "
        "own.", "",
        "| pairs a call | calls | p50, ms | p99, ms | bound for p99, ms | the client's own, ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for pairs, bound in BOUNDS.items():
        row = found["batches"][pairs]
        lines.append(f"| {pairs} | {row['calls']} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} | {bound:.0f} | {row['client_ms']:.2f} |")
    return lines


def replace(text, lines):
    """`text` with the section put in the place of the one it has, else at its end."""
    before, _, rest = text.partition(TITLE)
    after = rest.find("\n## ")
    tail = rest[after:] if after >= 0 else "\n"
    return before.rstrip() + "\n\n" + "\n".join(lines) + "\n" + tail.rstrip() + ("\n" if tail.strip() else "")
