"""Programs that must succeed, as users run them."""

import subprocess

# Options of ros2: without the daemon, which would outlive the tests.
DIRECT = ("--no-daemon", "--spin-time", "1")


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done
