"""Helpers of the integration tests, and the programs that they run beside the nodes.

| module | holds |
| --- | --- |
| `client` | a user of the node: goals, services, what was commanded |
| `cell` | sim_cell, calibration_node and a client |
| `fault_matrix` | the rows of docs/reliability.md |
| `browser` | a headless Chromium |
| `command` | programs that must succeed |
| `image_file` | image messages as PNG |

Programs of their own: `calibrate_once.py`, `record_bag.py`, and `rectify.py` in a Python that has OpenCV.
"""
