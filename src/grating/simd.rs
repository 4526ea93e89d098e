//! Which instructions the machine has: hot loops are compiled once for each set, and the best is chosen at run time.

/// A set of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    /// What every machine of the architecture has: SSE2 on x86-64, NEON on 64-bit Arm.
    Baseline,
    /// AVX2 and FMA: eight lanes.
    Avx2,
    /// AVX-512 F, VL, DQ and BW: sixteen lanes, and twice as many registers.
    Avx512,
}

impl Instructions {
    /// The best that this machine has.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") {
                let wide = has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw");
                return if wide { Instructions::Avx512 } else { Instructions::Avx2 };
            }
        }
        Instructions::Baseline
    }

    /// All that this machine has, the baseline first.
    pub fn available() -> impl Iterator<Item = Self> {
        let best = Instructions::best();
        [Instructions::Baseline, Instructions::Avx2, Instructions::Avx512].into_iter().filter(move |set| *set <= best)
    }
}

impl std::fmt::Display for Instructions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Instructions::Baseline if cfg!(target_arch = "x86_64") => "SSE2",
            Instructions::Baseline if cfg!(target_arch = "aarch64") => "NEON",
            Instructions::Baseline => "baseline",
            Instructions::Avx2 => "AVX2",
            Instructions::Avx512 => "AVX-512",
        })
    }
}

/// Runs the body compiled for `$set`, one that [`Instructions::available`] tells.
///
/// What the body calls must be `#[inline(always)]`, else it is compiled for the baseline. AVX-512 means AVX2 here: compilers
/// make slower code of these loops with it, 2.5 times for the normal equations.
macro_rules! compiled_for {
    ($set:expr, ($($name:ident: $kind:ty = $value:expr),*) -> $output:ty $body:block) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($name: $kind),*) -> $output {
            $body
        }
        fn baseline($($name: $kind),*) -> $output {
            $body
        }
        match $set {
            // SAFETY: sets come from `Instructions`, which has found their features.
            #[cfg(target_arch = "x86_64")]
            $crate::grating::simd::Instructions::Avx2 | $crate::grating::simd::Instructions::Avx512 => unsafe {
                avx2($($value),*)
            },
            _ => baseline($($value),*),
        }
    }};
}
pub(crate) use compiled_for;
