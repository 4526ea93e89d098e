//! Where the cameras are, from the straight rays of [`crate::mapping::checks::rays`] alone: is the left one on the left?

use crate::camera::{Camera, Stereo};
use crate::mapping::bundle::Bundle;
use crate::mapping::checks::finding::{Check, Finding, Limit, Quantity, Severity, Unit};
use crate::mapping::checks::rays::{centre, ray_points, slopes};
use crate::mapping::views::Views;
use crate::statistics::{exceeds, falls_short, median};
use nalgebra::Vector2;

/// Image axes that differ by more don't agree on what is left, degrees.
const MAX_TURN_DEG: f64 = 60.0;
/// A baseline farther than this from the image axes is one camera above the other, degrees.
const MAX_SLANT_DEG: f64 = 60.0;

/// Where one camera is: its centre, and the direction of growing u, both along the lines, pitches.
struct Placement {
    centre: Vector2<f64>,
    along_u: Vector2<f64>,
}

/// Compares both cameras' places.
pub fn check(views: &Views, bundle: &Bundle) -> Option<Finding> {
    let Stereo { left: Some(left), right: Some(right) } = Stereo::from_fn(|camera| placement(views, bundle, camera))
    else {
        return Some(unverified("too few intersections tell where the cameras are"));
    };
    let turn_deg = left.along_u.angle(&right.along_u).to_degrees();
    if exceeds(turn_deg, MAX_TURN_DEG) {
        let turn = Quantity::new(turn_deg, Unit::Degree);
        let finding = unverified(&format!("their image axes differ by {turn}"));
        return Some(finding.measured(turn, Limit::at_most(MAX_TURN_DEG)));
    }
    let (baseline, along_u) = (right.centre - left.centre, (left.along_u + right.along_u).normalize());
    let along = baseline.dot(&along_u);
    if falls_short(along.abs(), MAX_SLANT_DEG.to_radians().cos() * baseline.norm()) {
        return Some(unverified("they stand one above the other as the images see it"));
    }
    (along < 0.0).then(|| {
        let away = Quantity::new(-along * views.pitch_mm, Unit::Millimetre);
        Finding::new(
            Check::CameraPlacement,
            Severity::Unusable,
            "cameras",
            format!(
                "left and right seem to be swapped, the right camera's centre is {away} to the left of the left one's, as the \
                 images see it"
            ),
            "exchange the left and right images and the origins; if one camera is turned or mirrored against the other, add \
             jogs along x and y, which tell how",
        )
        .measured(away, Limit::at_most(0.0))
    })
}

fn unverified(why: &str) -> Finding {
    let statement = format!("which of them is the left one can't be told, {why}");
    Finding::new(Check::CameraPlacement, Severity::Unverified, "cameras", statement, "see which image is which")
}

fn placement(views: &Views, bundle: &Bundle, camera: Camera) -> Option<Placement> {
    let points = ray_points(&views.observations[camera], views.image_size[camera], views.moved_mm.len());
    let order = views.by_height();
    let height = |view: usize| views.moved_mm[view].z;
    let slopes = slopes(&points, &order, height);
    let ray = |anchor: usize| {
        let slope: Vector2<f64> = slopes[anchor]?;
        let at = |axis: usize| {
            let here = |view: &usize| points[*view][anchor].map(|p| p.lines[axis] - slope[axis] * height(*view));
            median(&mut order.iter().filter_map(here).collect::<Vec<_>>())
        };
        Some((Vector2::new(at(0)?, at(1)?), slope))
    };
    let turn = bundle.turn[camera].map(f64::from);
    let centre = centre((0..slopes.len()).filter_map(ray))?;
    let along_u: Vector2<f64> = points[*order.first()?].iter().flatten().map(|point| point.per_u.normalize()).sum();
    Some(Placement { centre: turn * centre.xy(), along_u: turn * along_u.try_normalize(1e-9)? })
}
