//! Random numbers by counter: the same on every device, in any order. Twin of `kernels/draws.h`.

/// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
fn philox(mut counter: [u32; 4], seed: u64) -> [u32; 4] {
    let mut key = [seed as u32, (seed >> 32) as u32];
    for _ in 0..10 {
        let (a, b) = (0xD251_1F53 * u64::from(counter[0]), 0xCD9E_8D57 * u64::from(counter[2]));
        counter = [(b >> 32) as u32 ^ counter[1] ^ key[0], b as u32, (a >> 32) as u32 ^ counter[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// What numbers a draw: of which image, in which round, for which of its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// Number of the image.
    pub image: u32,
    /// Number of the round.
    pub round: u32,
    /// Number of the draw.
    pub draw: u32,
    /// Number of the parameter.
    pub parameter: u32,
}

/// The sum of eight uniform numbers, of mean 0 and variance 1: normal but for its tails, which end at 4.9. It is exact in
/// whole numbers, so all devices agree to the last bit.
pub fn normal(seed: u64, at: Counter) -> f64 {
    let words = philox([at.parameter, at.draw, at.round, at.image], seed);
    let sum: i32 = words.iter().map(|word| (word & 0xFFFF) as i32 + (word >> 16) as i32).sum();
    // Each uniform number is a whole one from 0 to 65535: mean 32767.5, variance (65536² − 1) / 12.
    f64::from(sum - 262_140) * 1.868_812_365_011_853_4e-5
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of the authors' Random123 distribution, `kat_vectors`, philox4x32 10.
    #[test]
    fn philox_gives_the_authors_numbers() {
        assert_eq!(philox([0; 4], 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], u64::MAX), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(philox(counter, 0x299f_31d0_a409_3822), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn draws_have_the_moments_of_a_normal_distribution() {
        let draws: Vec<f64> = (0..20_000)
            .map(|n| normal(7, Counter { image: n / 5000, round: n % 97, draw: n, parameter: n % 5 }))
            .collect();
        let moment = |power: i32| draws.iter().map(|x| x.powi(power)).sum::<f64>() / draws.len() as f64;
        assert!(moment(1).abs() < 0.03 && (moment(2) - 1.0).abs() < 0.03 && moment(3).abs() < 0.06);
        // 3 for a normal distribution, 3 − 1.2/8 for the sum of eight uniform ones.
        assert!((moment(4) - 2.85).abs() < 0.12, "{}", moment(4));
    }
}
