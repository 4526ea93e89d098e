//! What intersections say about each other.

use super::Measured;
use crate::grating::phase_field::LineNumbers;
use crate::statistics::{median, spread};
use nalgebra::{Matrix3, Vector2, Vector3};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::f64::consts::TAU;

/// The measured offsets of neighbouring intersections differ by less, rad.
const MAX_BREAK_RAD: f64 = 0.6;
/// Lines weaker than this share of the median are none.
const MIN_STRENGTH: f64 = 0.4;
/// A line this many times less even than most, or farther off its neighbours, is disturbed by something.
const OUTLIER: f64 = 6.0;
/// Fewer intersections don't tell how uneven lines are.
const MIN_FOR_SCALE: usize = 24;
/// Lines' strengths change from one intersection to the next by this much at least, as a fraction.
const MIN_CHANGE: f64 = 0.01;
/// Intersections on a line, counted from one of them, and how many of them tell the line's bend there.
const NEAREST_FIRST: [i32; 9] = [0, -1, 1, -2, 2, -3, 3, -4, 4];
const FOR_BEND: usize = 5;
/// Mean b² under W of a window of half length 1. The other line, where nothing is measured, adds to it for each window
/// that is as long as the lines are apart.
const RADIUS2: f64 = 0.143;
const RADIUS2_OF_GAP: f64 = 0.032;

/// `found` without those that disagree with their neighbours or are covered by something, straightened.
pub(super) fn reconciled(mut found: Vec<Measured>, width: u32, height: u32) -> Vec<Measured> {
    for axis in 0..2 {
        let mut strengths: Vec<f64> = found.iter().map(|m| m.offsets[axis].strength).collect();
        let Some(median) = median(&mut strengths) else { return Vec::new() };
        found.retain(|m| m.offsets[axis].strength > MIN_STRENGTH * median);
    }
    let mut found = connected(found, Vector2::new(0.5 * f64::from(width), 0.5 * f64::from(height)));
    for axis in 0..2 {
        agree(&mut found, axis);
    }
    for axis in 0..2 {
        straighten(&mut found, axis);
    }
    found
}

/// The part of `found` that hangs together with the intersection nearest to `centre`: offsets change little from one
/// intersection to the next. Beyond a break the fit may have slipped to another line.
fn connected(found: Vec<Measured>, centre: Vector2<f64>) -> Vec<Measured> {
    let index: FxHashMap<LineNumbers, usize> = found.iter().enumerate().map(|(i, m)| (m.lines, i)).collect();
    let distance = |i: &usize| (found[*i].fitted_px - centre).norm();
    let Some(first) = (0..found.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))) else { return found };
    let mut reached = vec![false; found.len()];
    reached[first] = true;
    let mut queue = VecDeque::from([first]);
    while let Some(i) = queue.pop_front() {
        for (h, v) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            let Some(&next) = index.get(&found[i].lines.shifted(h, v)) else { continue };
            let change = |axis: usize| (found[i].offsets[axis].offset_rad - found[next].offsets[axis].offset_rad).abs();
            if !reached[next] && change(0) < MAX_BREAK_RAD && change(1) < MAX_BREAK_RAD {
                reached[next] = true;
                queue.push_back(next);
            }
        }
    }
    found.into_iter().zip(reached).filter_map(|(measured, reached)| reached.then_some(measured)).collect()
}

/// Scales the variances of the offsets from lines `axis` to how uneven these lines are. Drops what is far less even, or
/// far stronger or weaker than its neighbours on the same line.
fn agree(found: &mut Vec<Measured>, axis: usize) {
    if found.len() < MIN_FOR_SCALE {
        return;
    }
    // White noise has no less spread than it has.
    let scale = spread(found.iter().map(|m| m.offsets[axis].unevenness)).max(1.0);
    let strength = above_neighbours(found, axis, |m| m.offsets[axis].strength.ln());
    let usual = spread(strength.iter().copied()).max(MIN_CHANGE);
    let mut offset = above_neighbours(found, axis, |m| m.offsets[axis].offset_rad);
    offset.iter_mut().zip(&*found).for_each(|(change, m)| *change /= m.offsets[axis].variance_rad2.sqrt());
    let usual_offset = spread(offset.iter().copied()).max(1.0);
    let mut changes = strength.into_iter().zip(offset);
    found.retain(|m| {
        let (strength, offset) = changes.next().unwrap_or_default();
        m.offsets[axis].unevenness.abs() < OUTLIER * scale
            && strength.abs() < OUTLIER * usual
            && offset.abs() < OUTLIER * usual_offset
    });
    for measured in found {
        measured.offsets[axis].variance_rad2 *= scale * scale;
    }
}

/// What each intersection has above the median of its neighbours on the same line.
fn above_neighbours(found: &[Measured], axis: usize, value: impl Fn(&Measured) -> f64) -> Vec<f64> {
    let values: FxHashMap<LineNumbers, f64> = found.iter().map(|m| (m.lines, value(m))).collect();
    let above = |m: &Measured| {
        let near = [-2, -1, 1, 2].into_iter().filter_map(|n| values.get(&along(m, axis, n)).copied());
        let mut near: Vec<f64> = near.collect();
        let above = median(&mut near).map_or(0.0, |median| value(m) - median);
        // At the end of a line all neighbours lie on one side, where light, focus and fit differ.
        if near.len() >= 3 { above } else { 0.4 * above }
    };
    found.iter().map(above).collect()
}

/// Takes off what a line's bend against the fit adds to its offset: a window measures the mean over its length, not the
/// middle. The bend is that of a parabola through the nearest few offsets on the line.
fn straighten(found: &mut [Measured], axis: usize) {
    let offsets: FxHashMap<LineNumbers, f64> = found.iter().map(|m| (m.lines, m.offsets[axis].offset_rad)).collect();
    for m in found {
        let near = NEAREST_FIRST.into_iter().filter_map(|n| Some((f64::from(n), *offsets.get(&along(m, axis, n))?)));
        let near: Vec<(f64, f64)> = near.take(FOR_BEND).collect();
        if near.len() + 1 < FOR_BEND {
            continue;
        }
        let (mut own, mut side) = (Matrix3::zeros(), Vector3::zeros());
        for (n, offset) in near {
            let powers = Vector3::new(1.0, n, n * n);
            own += powers * powers.transpose();
            side += powers * offset;
        }
        let Some(parabola) = own.try_inverse().map(|inverse| inverse * side) else { continue };
        let reach = m.offsets[axis].reach_rad / TAU;
        m.offsets[axis].offset_rad -= parabola.z * reach * reach * (RADIUS2 + RADIUS2_OF_GAP / reach);
    }
}

/// The n-th next intersection on the same line.
fn along(m: &Measured, axis: usize, n: i32) -> LineNumbers {
    if axis == 0 { m.lines.shifted(0, n) } else { m.lines.shifted(n, 0) }
}
