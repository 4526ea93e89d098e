//! The inner loop of cost (4) with instructions that no compiler would choose: 1/√ by an estimate and a Newton step.

use super::{BLOCK, LANES, LaneSums, PhasorTable, PixelBlock, PixelRow, Sums, Walk};
use std::arch::x86_64::{
    _mm256_add_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_rsqrt_ps, _mm256_set1_ps,
    _mm256_storeu_ps, _mm512_add_ps, _mm512_castps512_ps256, _mm512_extractf32x8_ps, _mm512_fmadd_ps, _mm512_fnmadd_ps,
    _mm512_loadu_ps, _mm512_mul_ps, _mm512_rsqrt14_ps, _mm512_set1_ps, _mm512_setzero_ps,
};

/// [`PixelRow::add`] with AVX2.
#[target_feature(enable = "avx2,fma")]
pub(super) fn add_256(row: &PixelRow, walk: &Walk, sums: &mut Sums) {
    row.add_with(walk, sums, |block, phasors, first, lanes| add_block_256(block, phasors, first, lanes));
}

/// [`PixelRow::add`] with AVX-512.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) fn add_512(row: &PixelRow, walk: &Walk, sums: &mut Sums) {
    row.add_with(walk, sums, |block, phasors, first, lanes| add_block_512(block, phasors, first, lanes));
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_block_256(block: &PixelBlock, phasors: &PhasorTable, first: [f32; 2], lanes: &mut LaneSums) {
    // SAFETY: every load and store stays within an array of BLOCK or LANES numbers.
    unsafe {
        let [mut model_sum, mut square_sum, mut image_sum] = lanes.map(|sum| _mm256_loadu_ps(sum.as_ptr()));
        let [sin, cos] = first.map(|value| _mm256_set1_ps(value));
        let (level, three) = (_mm256_set1_ps(phasors.level), _mm256_set1_ps(3.0));
        for k in (0..BLOCK).step_by(LANES) {
            let load = |values: &[f32; BLOCK]| _mm256_loadu_ps(values.as_ptr().add(k));
            let p = _mm256_fmadd_ps(sin, load(&phasors.cos), _mm256_fmadd_ps(cos, load(&phasors.sin), level));
            let s = _mm256_fmadd_ps(p, p, load(&block.standing2));
            let r = _mm256_rsqrt_ps(s);
            let newton = _mm256_fnmadd_ps(_mm256_mul_ps(s, r), r, three);
            let model = _mm256_mul_ps(_mm256_mul_ps(p, load(&block.standing)), _mm256_mul_ps(r, newton));
            model_sum = _mm256_add_ps(model_sum, model);
            square_sum = _mm256_fmadd_ps(model, model, square_sum);
            image_sum = _mm256_fmadd_ps(model, load(&block.image), image_sum);
        }
        for (sum, lanes) in [model_sum, square_sum, image_sum].into_iter().zip(lanes) {
            _mm256_storeu_ps(lanes.as_mut_ptr(), sum);
        }
    }
}

/// As [`add_block_256`], two of its vectors at a time.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn add_block_512(block: &PixelBlock, phasors: &PhasorTable, first: [f32; 2], lanes: &mut LaneSums) {
    // SAFETY: every load and store stays within an array of BLOCK or LANES numbers.
    unsafe {
        let mut wide = [_mm512_setzero_ps(); 3];
        let [sin, cos] = first.map(|value| _mm512_set1_ps(value));
        let (level, three) = (_mm512_set1_ps(phasors.level), _mm512_set1_ps(3.0));
        for k in (0..BLOCK).step_by(2 * LANES) {
            let load = |values: &[f32; BLOCK]| _mm512_loadu_ps(values.as_ptr().add(k));
            let p = _mm512_fmadd_ps(sin, load(&phasors.cos), _mm512_fmadd_ps(cos, load(&phasors.sin), level));
            let s = _mm512_fmadd_ps(p, p, load(&block.standing2));
            let r = _mm512_rsqrt14_ps(s);
            let newton = _mm512_fnmadd_ps(_mm512_mul_ps(s, r), r, three);
            let model = _mm512_mul_ps(_mm512_mul_ps(p, load(&block.standing)), _mm512_mul_ps(r, newton));
            wide[0] = _mm512_add_ps(wide[0], model);
            wide[1] = _mm512_fmadd_ps(model, model, wide[1]);
            wide[2] = _mm512_fmadd_ps(model, load(&block.image), wide[2]);
        }
        for (sum, lanes) in wide.into_iter().zip(lanes) {
            let both = _mm256_add_ps(_mm512_castps512_ps256(sum), _mm512_extractf32x8_ps::<1>(sum));
            _mm256_storeu_ps(lanes.as_mut_ptr(), _mm256_add_ps(_mm256_loadu_ps(lanes.as_ptr()), both));
        }
    }
}
