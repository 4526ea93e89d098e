//! Is the origin the same intersection in both images?
//!
//! To geometry another intersection is as good: each camera is consistent in its own numbers. But no print is perfect. Two
//! traits belong to places of the sheet, whatever camera sees them, and are averaged over all heights:
//! - the shade of the paper in each cell ([`crate::lattice::texture`]), less what stays at its place in the image,
//! - how far each line lies off the middle of its neighbours, from what a smooth camera can't explain.
//!
//! Both cameras' traits are correlated over shifts s of up to `REACH` lines,
//! ```text
//! r(s) = Σ L(n) R(n + s) / √(Σ L² Σ R²),     z(s) = r √N / spread
//! ```
//! A significant peak at 0 shows that the origins are one intersection; elsewhere, that they are not. Without a peak the
//! print is too good to tell.

use crate::camera::{Camera, Stereo};
use crate::mapping::bundle::Bundle;
use crate::mapping::checks::finding::{Check, Finding, Limit, Quantity, Severity, Unit};
use crate::mapping::dataset::Correspondence;
use crate::mapping::models::CameraModel;
use crate::mapping::models::central::Central;
use crate::mapping::views::Views;
use crate::mapping::volume::Volume;
use crate::statistics::median;
use nalgebra::{Matrix2, Vector2};
use std::collections::BTreeMap;

/// Shifts that are tried, lines either way: nobody clicks farther off.
const REACH: i32 = 8;
/// Less significant peaks of the cells' shades prove nothing: 289 shifts are tried.
const MIN_CELLS_SIGMAS: f64 = 7.0;
/// Less significant peaks of the lines' offsets prove nothing: 17 shifts along each axis are tried.
const MIN_LINES_SIGMAS: f64 = 4.0;
/// Largest second peak of the lines' offsets, as a share of the first: few lines are alike by chance.
const MAX_SECOND_PEAK: f64 = 0.7;
/// Weaker correlations of the shades prove nothing, however many cells there are.
const MIN_CORRELATION: f64 = 0.15;
/// Fewest cells that both cameras see at a shift.
const MIN_COMMON_CELLS: usize = 60;
/// Fewest lines that both cameras see at a shift.
const MIN_COMMON_LINES: usize = 16;
/// Degree of the lens, stiff enough not to follow single lines.
const LENS_DEGREE: usize = 7;
/// Observations of each camera that the lens is fitted to.
const FITTED: usize = 6000;
/// Residuals of this many pitches count half: dirt must not pass for a line.
const ROBUST_PITCHES: f64 = 0.1;
/// Parts of the image, across and down, whose own mean shade is taken off.
const PARTS: [usize; 2] = [24, 14];

/// The highest correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Peak<S> {
    shift: S,
    correlation: f64,
    z: f64,
}

/// Compares both cameras' traits.
pub fn check(views: &Views, bundle: &Bundle) -> Option<Finding> {
    let mut verified = [false; 2];
    if let Some(peak) = cells(views, bundle).filter(|peak| peak.z >= MIN_CELLS_SIGMAS) {
        if peak.shift != [0, 0] {
            return Some(differ(views, bundle, "the paper's texture", peak, MIN_CELLS_SIGMAS));
        }
        verified = [true; 2];
    }
    if let Some(offsets) = line_offsets(views, bundle) {
        for axis in 0..2 {
            let Some(peak) = lines(&offsets, axis).filter(|peak| peak.z >= MIN_LINES_SIGMAS) else { continue };
            if peak.shift != 0 {
                let mut shift = [0, 0];
                shift[axis] = peak.shift;
                let peak = Peak { shift, correlation: peak.correlation, z: peak.z };
                return Some(differ(views, bundle, "the unevenness of the lines", peak, MIN_LINES_SIGMAS));
            }
            verified[axis] = true;
        }
    }
    let along = match verified {
        [true, true] => return None,
        [true, false] => " along y",
        [false, true] => " along x",
        [false, false] => "",
    };
    Some(Finding::new(
        Check::Origins,
        Severity::Unverified,
        "origins",
        format!("whether both are the same intersection{along} can't be told, the print is too even"),
        "look at the grid drawn over both images",
    ))
}

/// The finding of two origins that lie `peak.shift` lines apart, as `trait_` shows.
fn differ(views: &Views, bundle: &Bundle, trait_: &str, peak: Peak<[i32; 2]>, accepted_sigmas: f64) -> Finding {
    // The right camera gives the left origin this number; in its own numbers:
    let turn = bundle.turn[Camera::Right].map(f64::from);
    let own = turn.try_inverse().map(|back| back * Vector2::from(peak.shift.map(f64::from)));
    let there = own.map(|own| [own.x.round() as i32, own.y.round() as i32]);
    let seen = views.observations.right.iter().find(|o| o.view == 0 && Some(o.lines) == there);
    let remedy = seen.map_or(String::from("click the same intersection in both images"), |o| {
        format!("click ({:.0}, {:.0}) px in the right image, or another intersection in both", o.pixel.x, o.pixel.y)
    });
    let [x, y] = peak.shift.map(|shift| -shift);
    let evidence = Quantity::new(peak.z, Unit::Sigma);
    let statement = format!(
        "they are not the same intersection, {trait_} shows that the right one lies ({x}, {y}) lines along x and y from the \
         left one, with correlation {:.2} and an evidence of {evidence}",
        peak.correlation
    );
    Finding::new(Check::Origins, Severity::Unusable, "origins", statement, remedy)
        .measured(evidence, Limit::at_most(accepted_sigmas))
}

/// Where the shades of both cameras' cells agree best.
fn cells(views: &Views, bundle: &Bundle) -> Option<Peak<[i32; 2]>> {
    let shades = Stereo::from_fn(|camera| mean_shades(views, bundle, camera));
    let mut peaks: Vec<Peak<[i32; 2]>> = Vec::new();
    for shift in (-REACH..=REACH).flat_map(|x| (-REACH..=REACH).map(move |y| [x, y])) {
        let pair = |(cell, left): (&[i32; 2], &f64)| {
            // Middles of cells are counted in half lines.
            let there = [cell[0] + 2 * shift[0], cell[1] + 2 * shift[1]];
            shades.right.get(&there).map(|right| [*left, *right])
        };
        let pairs: Vec<[f64; 2]> = shades.left.iter().filter_map(pair).collect();
        if pairs.len() >= MIN_COMMON_CELLS {
            let correlation = correlation(&pairs);
            peaks.push(Peak { shift, correlation, z: correlation * (pairs.len() as f64).sqrt() });
        }
    }
    // Shades of neighbours depend on each other: what the other shifts show says how much.
    let spread = median(&mut peaks.iter().map(|p| p.z.abs()).collect::<Vec<_>>())? / 0.6745;
    let peak = peaks.into_iter().max_by(|a, b| a.z.total_cmp(&b.z))?;
    Some(Peak { z: peak.z / spread.max(1.0), ..peak }).filter(|peak| peak.correlation >= MIN_CORRELATION)
}

/// Mean shade of each cell of one camera, by its middle in half lines.
fn mean_shades(views: &Views, bundle: &Bundle, camera: Camera) -> BTreeMap<[i32; 2], f64> {
    let size = views.image_size[camera];
    let part = |pixel: Vector2<f64>| {
        let at = |axis: usize| {
            let share = (pixel[axis] / f64::from(size[axis])).clamp(0.0, 0.999);
            (share * PARTS[axis] as f64) as usize
        };
        at(0) + PARTS[0] * at(1)
    };
    let mut parts = vec![(0.0, 0.0); PARTS[0] * PARTS[1]];
    for cell in &views.cells[camera] {
        let (sum, count) = &mut parts[part(cell.pixel)];
        (*sum, *count) = (*sum + cell.shade, *count + 1.0);
    }
    let turn: Matrix2<i32> = bundle.turn[camera];
    let mut means: BTreeMap<[i32; 2], (f64, f64)> = BTreeMap::new();
    for cell in &views.cells[camera] {
        let middle = turn * Vector2::from(cell.lines.map(|n| 2 * n + 1));
        let (fixed, among) = parts[part(cell.pixel)];
        let (sum, count) = means.entry(middle.into()).or_default();
        (*sum, *count) = (*sum + cell.shade - fixed / f64::max(among, 1.0), *count + 1.0);
    }
    means.into_iter().map(|(cell, (sum, count))| (cell, sum / count)).collect()
}

/// How far each line of each camera lies off the middle of its neighbours, mm: by axis and number.
fn line_offsets(views: &Views, bundle: &Bundle) -> Option<Stereo<[BTreeMap<i32, f64>; 2]>> {
    let offsets = |camera: Camera| {
        let mut nominal = Bundle::nominal(views);
        nominal.turn[camera] = bundle.turn[camera];
        let straight = |p: &&Correspondence| !views.is_jog[p.view as usize];
        let data = nominal.dataset(views, camera);
        let points: Vec<Correspondence> = data.correspondences.iter().filter(straight).copied().collect();
        let stride = points.len().div_ceil(FITTED).max(1) | 1;
        let few: Vec<Correspondence> = points.iter().step_by(stride).copied().collect();
        let volume = Volume::around(few.iter().map(|p| p.point_in_tool_mm));
        let model = Central::with_lens(LENS_DEGREE, volume, data.image_size, &few)?;
        let mut sums: [BTreeMap<i32, (f64, f64)>; 2] = Default::default();
        for p in &points {
            let (pixel, slope) = model.pixel_and_jacobian(p.point_in_tool_mm);
            let Some(inverse) = slope.fixed_columns::<2>(0).into_owned().try_inverse() else { continue };
            let off = inverse * (p.pixel - pixel);
            let place = p.point_in_tool_mm + views.moved_mm[p.view as usize];
            for axis in 0..2 {
                let line = (place[axis] / views.pitch_mm).round() as i32;
                let (sum, weight) = sums[axis].entry(line).or_default();
                let robust = p.weight() / (1.0 + off.norm_squared() / (ROBUST_PITCHES * views.pitch_mm).powi(2));
                (*sum, *weight) = (*sum + robust * off[axis], *weight + robust);
            }
        }
        Some(sums.map(|sums| sums.into_iter().map(|(line, (sum, weight))| (line, sum / weight)).collect()).map(uneven))
    };
    Some(Stereo { left: offsets(Camera::Left)?, right: offsets(Camera::Right)? })
}

/// Offsets less the mean of the two lines on either side: smooth warps say nothing about numbers.
fn uneven(offsets: BTreeMap<i32, f64>) -> BTreeMap<i32, f64> {
    let against_neighbours = |(line, offset): (&i32, &f64)| {
        let near: Vec<f64> = [-2, -1, 1, 2].iter().filter_map(|n| offsets.get(&(line + n)).copied()).collect();
        (near.len() == 4).then(|| (*line, offset - near.iter().sum::<f64>() / 4.0))
    };
    offsets.iter().filter_map(against_neighbours).collect()
}

/// Where the offsets of both cameras' lines agree best, along one axis.
fn lines(offsets: &Stereo<[BTreeMap<i32, f64>; 2]>, axis: usize) -> Option<Peak<i32>> {
    let peak = |shift: i32| {
        let pair = |(line, left): (&i32, &f64)| offsets.right[axis].get(&(line + shift)).map(|right| [*left, *right]);
        let pairs: Vec<[f64; 2]> = offsets.left[axis].iter().filter_map(pair).collect();
        let correlation = correlation(&pairs);
        let z = correlation * (pairs.len() as f64).sqrt();
        (pairs.len() >= MIN_COMMON_LINES).then_some(Peak { shift, correlation, z })
    };
    let mut peaks: Vec<Peak<i32>> = (-REACH..=REACH).filter_map(peak).collect();
    peaks.sort_by(|a, b| b.z.total_cmp(&a.z));
    let second = peaks.get(1).map_or(0.0, |peak| peak.z);
    peaks.first().copied().filter(|peak| second < MAX_SECOND_PEAK * peak.z)
}

/// Of clipped values: nothing far out may decide alone.
fn correlation(pairs: &[[f64; 2]]) -> f64 {
    let limit = [0, 1].map(|k| {
        let middle = median(&mut pairs.iter().map(|pair| pair[k].abs()).collect::<Vec<_>>());
        3.0 * middle.unwrap_or(0.0) / 0.6745
    });
    let clipped = |pair: &[f64; 2]| [0, 1].map(|k: usize| pair[k].clamp(-limit[k], limit[k]));
    let (mut both, mut own) = (0.0, [0.0; 2]);
    for [a, b] in pairs.iter().map(clipped) {
        both += a * b;
        own = [own[0] + a * a, own[1] + b * b];
    }
    both / (own[0] * own[1]).sqrt().max(1e-300)
}
