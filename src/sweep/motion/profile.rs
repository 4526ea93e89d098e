//! How the tool goes from one place to the next: along a straight line, softly, never faster than allowed.
//!
//! ```text
//! x(t) = from + (to − from) s(t / T),   s(τ) = τ² (3 − 2 τ),   greatest speed 1.5 |to − from| / T
//! ```

/// A straight move at limited speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    from_mm: [f64; 3],
    to_mm: [f64; 3],
    duration_s: f64,
}

impl Profile {
    /// `speed_mm_s` > 0 is the greatest speed.
    pub fn new(from_mm: [f64; 3], to_mm: [f64; 3], speed_mm_s: f64) -> Self {
        Profile { from_mm, to_mm, duration_s: 1.5 * distance(from_mm, to_mm) / speed_mm_s }
    }

    /// Time that the move takes, s.
    pub fn duration_s(&self) -> f64 {
        self.duration_s
    }

    /// Position `seconds` after the start; the set point from the end on.
    pub fn at_mm(&self, seconds: f64) -> [f64; 3] {
        if !(..self.duration_s).contains(&seconds) {
            return self.to_mm;
        }
        let share = (seconds / self.duration_s).max(0.0);
        let soft = share * share * (3.0 - 2.0 * share);
        std::array::from_fn(|i| self.from_mm[i] + soft * (self.to_mm[i] - self.from_mm[i]))
    }

    /// How far `here_mm` is off the straight line between start and set point.
    pub fn off_way_mm(&self, here_mm: [f64; 3]) -> f64 {
        let along: [f64; 3] = std::array::from_fn(|i| self.to_mm[i] - self.from_mm[i]);
        let length2: f64 = along.iter().map(|x| x * x).sum();
        let share = if length2 > 0.0 {
            (0..3).map(|i| along[i] * (here_mm[i] - self.from_mm[i])).sum::<f64>() / length2
        } else {
            0.0
        };
        let share = share.clamp(0.0, 1.0);
        distance(here_mm, std::array::from_fn(|i| self.from_mm[i] + share * along[i]))
    }
}

/// Distance of two points.
pub fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_and_ends_exactly_and_keeps_its_speed() {
        let (from, to) = ([1.0, 2.0, 3.0], [1.3, 2.0, 2.6]);
        let profile = Profile::new(from, to, 10.0);
        assert_eq!(profile.at_mm(0.0), from);
        assert_eq!(profile.at_mm(profile.duration_s()), to);
        assert_eq!(profile.at_mm(f64::NAN), to);
        let dt = 1e-4;
        let mut fastest: f64 = 0.0;
        for i in 0..(profile.duration_s() / dt) as usize {
            let t = i as f64 * dt;
            fastest = fastest.max(distance(profile.at_mm(t), profile.at_mm(t + dt)) / dt);
        }
        assert!(fastest <= 10.0 + 1e-6 && fastest > 9.9, "{fastest} mm/s");
    }

    #[test]
    fn a_move_to_where_the_tool_is_has_no_duration() {
        let profile = Profile::new([1.0; 3], [1.0; 3], 10.0);
        assert_eq!(profile.duration_s(), 0.0);
        assert_eq!(profile.at_mm(0.0), [1.0; 3]);
        assert_eq!(profile.off_way_mm([1.0, 1.0, 3.0]), 2.0);
    }

    #[test]
    fn the_way_off_the_line_is_measured_beside_it_and_beyond_its_ends() {
        let profile = Profile::new([0.0; 3], [0.0, 0.0, 2.0], 10.0);
        assert!((profile.off_way_mm([0.3, 0.4, 1.0]) - 0.5).abs() < 1e-12);
        assert!((profile.off_way_mm([0.0, 0.0, 2.5]) - 0.5).abs() < 1e-12);
        assert!((profile.off_way_mm([0.0, 0.0, -0.25]) - 0.25).abs() < 1e-12);
    }
}
