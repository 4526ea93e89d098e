"""What users run beside the node: bags, the examples, RViz's configuration, the ros2 commands. One calibration serves all."""
