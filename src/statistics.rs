//! Comparisons that NaN can't slip through, and small statistics that several stages need.

/// Whether `value` is at most `limit`, in the same unit. NaN is within no limit.
pub fn is_within(value: f64, limit: f64) -> bool {
    value <= limit
}

/// Whether `value` is above `limit`, in the same unit. NaN exceeds every limit, where `value > limit` would let it pass.
pub fn exceeds(value: f64, limit: f64) -> bool {
    !is_within(value, limit)
}

/// Whether `value` is below `minimum`, in the same unit. NaN falls short of every minimum; with [`f64::MIN_POSITIVE`]
/// it tells what is not positive.
pub fn falls_short(value: f64, minimum: f64) -> bool {
    !is_within(minimum, value)
}

/// The largest value; NaN where one is NaN, which `f64::max` would drop. −∞ of nothing.
pub fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values
        .fold(f64::NEG_INFINITY, |most, value| if value.is_nan() || most.is_nan() { f64::NAN } else { most.max(value) })
}

/// The upper median; `None` of nothing. Reorders `values`.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// Standard deviation of deviates that are normal but for a fifth at most, which may be anything larger. Unlike a median,
/// it does not jump where values are whole numbers. 0 of nothing.
pub fn spread(values: impl Iterator<Item = f64>) -> f64 {
    let mut sizes: Vec<f64> = values.map(f64::abs).collect();
    let most = (sizes.len() * 4).div_ceil(5);
    if most < sizes.len() {
        sizes.select_nth_unstable_by(most, f64::total_cmp);
    }
    // The smallest four fifths of normal deviates have mean square 0.43764 σ².
    (sizes[..most].iter().map(|size| size * size).sum::<f64>() / (0.437_64 * most.max(1) as f64)).sqrt()
}

/// The value below which half of the weight lies, of (value, weight); `None` without weight. Reorders `pairs`.
pub fn weighted_median(pairs: &mut [(f64, f64)]) -> Option<f64> {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = 0.5 * pairs.iter().map(|pair| pair.1).sum::<f64>();
    let mut below = 0.0;
    pairs
        .iter()
        .find(|pair| {
            below += pair.1;
            below >= half && half > 0.0
        })
        .map(|pair| pair.0)
}

#[cfg(test)]
mod tests {
    use super::{exceeds, falls_short, is_within, largest, median, spread, weighted_median};
    use rand::{Rng, SeedableRng, rngs::SmallRng};
    use rand_distr::StandardNormal;

    #[test]
    fn nan_is_within_no_limit_and_reaches_no_minimum() {
        assert!(is_within(1.0, 1.0) && !exceeds(1.0, 1.0) && !falls_short(1.0, 1.0));
        assert!(exceeds(1.1, 1.0) && falls_short(0.9, 1.0) && !exceeds(0.9, 1.0) && !falls_short(1.1, 1.0));
        for (value, limit) in [(f64::NAN, 1.0), (1.0, f64::NAN), (f64::NAN, f64::INFINITY), (f64::NAN, f64::NAN)] {
            assert!(!is_within(value, limit) && exceeds(value, limit) && falls_short(value, limit));
        }
        assert!(falls_short(0.0, f64::MIN_POSITIVE) && !falls_short(1e-300, f64::MIN_POSITIVE));
    }

    #[test]
    fn nan_is_the_largest() {
        assert_eq!(largest([1.0, 3.0, 2.0].into_iter()), 3.0);
        assert!(largest([1.0, f64::NAN, 2.0].into_iter()).is_nan());
    }

    #[test]
    fn heavy_values_pull_the_weighted_median() {
        assert_eq!(weighted_median(&mut [(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]), Some(2.0));
        assert_eq!(weighted_median(&mut [(3.0, 5.0), (1.0, 1.0), (2.0, 1.0)]), Some(3.0));
        assert_eq!(weighted_median(&mut []), None);
    }

    #[test]
    fn spread_of_whole_normal_deviates_with_outliers() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut values: Vec<f64> = (0..20_000).map(|_| (3.0 * rng.sample::<f64, _>(StandardNormal)).round()).collect();
        let clean = spread(values.iter().copied());
        assert!((clean / (9.0_f64 + 1.0 / 12.0).sqrt() - 1.0).abs() < 0.02, "{clean}");
        values.extend((0..1000).map(|_| 1e9));
        assert!((spread(values.into_iter()) / clean - 1.0).abs() < 0.12);
        assert_eq!(spread([].into_iter()), 0.0);
        assert!((spread([2.0].into_iter()) - 3.02).abs() < 0.01);
    }

    #[test]
    fn the_middle_of_odd_and_the_upper_middle_of_even_counts() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(3.0));
        assert_eq!(median(&mut []), None);
    }
}
