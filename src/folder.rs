//! Folder input: `DIR/00000.png …` and `poses.csv`.
