"""Runs a command in a terminal of its own and tells when it wrote what.

terminal.py LIMIT_S COMMAND…    shows its output; fails when it was silent for longer than the limit, else with its exit code
"""

import os
import pty
import select
import sys
import time


def written(command, show=False, **environment):
    """(exit code, [(seconds since the start, bytes)])."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, os.environ | environment)
    begun, pieces = time.monotonic(), []
    while True:
        select.select([terminal], [], [])
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            # Nobody holds the other end any more.
            break
        if not piece:
            break
        if show:
            os.write(1, piece)
        pieces.append((time.monotonic() - begun, piece))
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), pieces


def longest_silence(pieces):
    """Seconds, and what had been written last before it."""
    times = [0.0, *(at for at, _ in pieces)]
    texts = [b"", *(text for _, text in pieces)]
    longest = max(range(1, len(times)), key=lambda i: times[i] - times[i - 1])
    return times[longest] - times[longest - 1], texts[longest - 1]


if __name__ == "__main__":
    limit_s = float(sys.argv[1])
    code, pieces = written(sys.argv[2:], show=True)
    silence_s, before = longest_silence(pieces)
    print(f"\nsilent for {silence_s:.1f} s at most, after {before[-200:]!r}")
    sys.exit(code or silence_s > limit_s)
