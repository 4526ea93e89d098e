"""Calibrates by action, asks for a point, and prints what came out: a planner on a host of its own."""

import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "scripts/lib"))

from planner import PixelToWorld, Planner  # noqa: E402

heights, *origins = map(float, sys.argv[1:])
planner = Planner(origins)
result = planner.calibrate(heights, step=0.0005)
answer = planner.ask(PixelToWorld.Request(left=planner.origins[:1], right=planner.origins[1:])).answers[0]
point = [answer.point.x, answer.point.y, answer.point.z]
print(json.dumps({"usable": result.usable, "reason": result.reason, "status": answer.status, "point": point}))
