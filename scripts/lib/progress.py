"""Lines and statuses of programs that take long: a status is renewed in place, on a terminal or by progress.sh."""

import os
import sys

RENEWED = sys.stdout.isatty() or "PROGRESS" in os.environ


def say(line):
    """A line that stays."""
    print(f"\r\x1b[K{line}" if RENEWED else line, flush=True)


def status(text):
    """What is being done just now, and how far it is."""
    if RENEWED:
        print(f"\r\x1b[K{text}", end="", flush=True)
