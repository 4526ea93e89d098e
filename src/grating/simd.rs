//! Which instructions the machine has: hot loops are compiled once for each set, and the best is chosen at run time.
//!
//! Loops are written on [`Lanes`], eight numbers at a time. Compilers keep sums that are indexed in memory, and never
//! fuse a multiplication with an addition unasked.

use std::ops::{Add, Div, Mul, Sub};

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

    /// Those that a test can compare with the baseline; where there are none it says so, past the harness's capture.
    #[cfg(test)]
    pub(crate) fn beyond_baseline() -> Vec<Self> {
        let sets: Vec<Self> = Instructions::available().skip(1).collect();
        if sets.is_empty() {
            use std::io::Write;
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("a test");
            let _ = writeln!(std::io::stderr(), "SKIPPED {test}: this machine has {} only", Instructions::Baseline);
        }
        sets
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

/// What formulas need of a number, or of several that are worked on at a time.
pub trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    /// `value` in every lane.
    fn of(value: f32) -> Self;

    /// self · factor + sum, rounded once where the instructions can.
    fn times_plus(self, factor: Self, sum: Self) -> Self;

    /// The larger of both.
    fn at_least(self, least: Self) -> Self;

    /// The square root.
    fn root(self) -> Self;

    /// 1 where it is below `limit`, else 0.
    fn is_below(self, limit: Self) -> Self;
}

/// Numbers that are worked on at a time.
pub const LANES: usize = 8;

/// [`LANES`] numbers.
pub trait Lanes: Real {
    /// The numbers of `from`, in their order.
    fn load(from: &[f32; LANES]) -> Self;

    /// Writes the numbers to `into`, in their order.
    fn store(self, into: &mut [f32; LANES]);

    /// The sum of all lanes, added in their order.
    fn sum(self) -> f32;
}

impl Real for f32 {
    #[inline(always)]
    fn of(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn times_plus(self, factor: Self, sum: Self) -> Self {
        // Without the instruction, fusing is a call of a function.
        if cfg!(target_arch = "aarch64") { self.mul_add(factor, sum) } else { self * factor + sum }
    }

    #[inline(always)]
    fn at_least(self, least: Self) -> Self {
        self.max(least)
    }

    #[inline(always)]
    fn root(self) -> Self {
        self.sqrt()
    }

    #[inline(always)]
    fn is_below(self, limit: Self) -> Self {
        f32::from(u8::from(self < limit))
    }
}

/// Lanes of what every machine has.
#[derive(Clone, Copy)]
pub struct Plain([f32; LANES]);

macro_rules! lane_by_lane {
    ($($trait:ident $name:ident),*) => {$(
        impl $trait for Plain {
            type Output = Self;

            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                Plain(std::array::from_fn(|n| self.0[n].$name(other.0[n])))
            }
        }
    )*};
}
lane_by_lane!(Add add, Sub sub, Mul mul, Div div);

impl Real for Plain {
    #[inline(always)]
    fn of(value: f32) -> Self {
        Plain([value; LANES])
    }

    #[inline(always)]
    fn times_plus(self, factor: Self, sum: Self) -> Self {
        Plain(std::array::from_fn(|n| self.0[n].times_plus(factor.0[n], sum.0[n])))
    }

    #[inline(always)]
    fn at_least(self, least: Self) -> Self {
        Plain(std::array::from_fn(|n| self.0[n].max(least.0[n])))
    }

    #[inline(always)]
    fn root(self) -> Self {
        Plain(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn is_below(self, limit: Self) -> Self {
        Plain(std::array::from_fn(|n| self.0[n].is_below(limit.0[n])))
    }
}

impl Lanes for Plain {
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Plain(*from)
    }

    #[inline(always)]
    fn store(self, into: &mut [f32; LANES]) {
        *into = self.0;
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.0.iter().sum()
    }
}

#[cfg(target_arch = "x86_64")]
pub use avx::Avx;

#[cfg(target_arch = "x86_64")]
mod avx {
    use super::{LANES, Lanes, Real};
    use std::arch::x86_64::{
        __m256, _CMP_LT_OQ, _mm256_add_ps, _mm256_and_ps, _mm256_cmp_ps, _mm256_div_ps, _mm256_fmadd_ps,
        _mm256_loadu_ps, _mm256_max_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_sqrt_ps, _mm256_storeu_ps, _mm256_sub_ps,
    };
    use std::ops::{Add, Div, Mul, Sub};

    /// Lanes of AVX2 and FMA. Only for bodies of `compiled_for`, where these are known to be there.
    #[derive(Clone, Copy)]
    pub struct Avx(__m256);

    macro_rules! instructions {
        ($($trait:ident $name:ident $instruction:ident),*) => {$(
            impl $trait for Avx {
                type Output = Self;

                #[inline(always)]
                fn $name(self, other: Self) -> Self {
                    // SAFETY: the machine has AVX2, see above.
                    Avx(unsafe { $instruction(self.0, other.0) })
                }
            }
        )*};
    }
    instructions!(Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps);

    impl Real for Avx {
        #[inline(always)]
        fn of(value: f32) -> Self {
            // SAFETY: the machine has AVX2.
            Avx(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        fn times_plus(self, factor: Self, sum: Self) -> Self {
            // SAFETY: the machine has FMA.
            Avx(unsafe { _mm256_fmadd_ps(self.0, factor.0, sum.0) })
        }

        #[inline(always)]
        fn at_least(self, least: Self) -> Self {
            // SAFETY: the machine has AVX2.
            Avx(unsafe { _mm256_max_ps(self.0, least.0) })
        }

        #[inline(always)]
        fn root(self) -> Self {
            // SAFETY: the machine has AVX2.
            Avx(unsafe { _mm256_sqrt_ps(self.0) })
        }

        #[inline(always)]
        fn is_below(self, limit: Self) -> Self {
            // SAFETY: the machine has AVX2.
            Avx(unsafe { _mm256_and_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(self.0, limit.0), _mm256_set1_ps(1.0)) })
        }
    }

    impl Lanes for Avx {
        #[inline(always)]
        fn load(from: &[f32; LANES]) -> Self {
            // SAFETY: the machine has AVX2, and there are eight numbers.
            Avx(unsafe { _mm256_loadu_ps(from.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, into: &mut [f32; LANES]) {
            // SAFETY: the machine has AVX2, and there is room for eight numbers.
            unsafe { _mm256_storeu_ps(into.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn sum(self) -> f32 {
            let mut lanes = [0.0; LANES];
            self.store(&mut lanes);
            lanes.iter().sum()
        }
    }
}

/// Runs the body compiled for `$set`, one that [`Instructions::available`] tells; `Vector` in it are its [`Lanes`].
///
/// What the body calls must be `#[inline(always)]`, and no closure that holds lanes, else it is compiled for the baseline.
/// AVX-512 means AVX2 here: compilers make slower code of these loops with it, 2.5 times for the normal equations.
macro_rules! compiled_for {
    ($set:expr, ($($name:ident: $kind:ty = $value:expr),*) -> $output:ty $body:block) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($name: $kind),*) -> $output {
            #[allow(dead_code)]
            type Vector = $crate::grating::simd::Avx;
            $body
        }
        fn baseline($($name: $kind),*) -> $output {
            #[allow(dead_code)]
            type Vector = $crate::grating::simd::Plain;
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
