//! Colours of errors.

/// Red, green, blue, 0 … 1: from green over yellow to red at `scale_um`; grey where the error is not known.
pub fn colour(error_um: f64, scale_um: f64) -> [f32; 3] {
    let share = (error_um / scale_um).clamp(0.0, 1.0) as f32;
    match share.is_nan() {
        true => [0.6, 0.6, 0.6],
        false => [(2.0 * share).min(1.0), (2.0 - 2.0 * share).min(1.0) * 0.85, 0.15],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_is_green_and_bad_is_red() {
        let [good, bad, worse] = [0.0, 10.0, 99.0].map(|error| colour(error, 10.0));
        assert!(good[1] > 0.8 && good[0] < 0.1 && bad[0] > 0.9 && bad[1] < 0.1);
        assert_eq!(bad, worse);
        assert_eq!(colour(f64::NAN, 10.0), [0.6; 3]);
    }
}
