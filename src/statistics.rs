//! Small statistics that several stages need.

/// The upper median; `None` of nothing. Reorders `values`.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
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
    use super::{median, weighted_median};

    #[test]
    fn heavy_values_pull_the_weighted_median() {
        assert_eq!(weighted_median(&mut [(3.0, 1.0), (1.0, 1.0), (2.0, 1.0)]), Some(2.0));
        assert_eq!(weighted_median(&mut [(3.0, 5.0), (1.0, 1.0), (2.0, 1.0)]), Some(3.0));
        assert_eq!(weighted_median(&mut []), None);
    }

    #[test]
    fn the_middle_of_odd_and_the_upper_middle_of_even_counts() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(3.0));
        assert_eq!(median(&mut []), None);
    }
}
