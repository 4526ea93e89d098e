"""Parameters as `ros2 param` sees them."""
