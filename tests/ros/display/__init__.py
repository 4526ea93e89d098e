"""What people see and do: markers, dataset, TF, overlays, clicks, camera info. One calibration serves all."""
