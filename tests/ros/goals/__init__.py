"""Goals: on robots of several kinds, refused, only planned, cancelled, or stopped by what happens to the robot."""
