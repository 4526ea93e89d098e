"""Whole calibrations by action, and what the node answers before, meanwhile and afterwards."""
