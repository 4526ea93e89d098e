//! A ray-traced cell: printed grid, light, two lenses, sensor, robot. The judge of the estimator.
