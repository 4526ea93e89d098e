//! Where the cameras are, from the straight rays of [`crate::mapping::checks::rays`] alone: is the left one on the left?

use crate::camera::{Camera, Stereo};
use crate::mapping::bundle::Bundle;
use crate::mapping::checks::rays::{centre, sights, slopes};
use crate::mapping::views::Views;
use crate::statistics::{exceeds, falls_short, median};
use nalgebra::Vector2;

/// What speaks against the cameras' places.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Doubt {
    #[error(
        "left and right seem to be swapped: the right camera's centre is {away_mm:.1} mm to the left of the left one's, as \
         the images see it: exchange the images (folders or topics) and the origins; if one camera is turned or mirrored \
         against the other, add jogs along x and y, which tell how"
    )]
    Swapped { away_mm: f64 },
}

/// What [`check`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placement {
    pub doubt: Option<Doubt>,
    /// What can't be told.
    pub unverified: Vec<String>,
}

/// Image axes that differ by more don't agree on what is left, degrees.
const MOST_TURN_DEG: f64 = 60.0;
/// A baseline farther than this from the image axes is one above the other, degrees.
const MOST_SLANT_DEG: f64 = 60.0;

/// One camera: its centre, and the direction of growing u, both along the lines, pitches.
struct Place {
    centre: Vector2<f64>,
    along_u: Vector2<f64>,
}

/// Compares both cameras' places.
pub fn check(views: &Views, bundle: &Bundle) -> Placement {
    let places = Stereo::from_fn(|camera| place(views, bundle, camera));
    let untold =
        |why: String| Placement { doubt: None, unverified: vec![format!("which camera is the left one: {why}")] };
    let Stereo { left: Some(left), right: Some(right) } = &places else {
        return untold("too few crossings tell where the cameras are".into());
    };
    let turn_deg = left.along_u.angle(&right.along_u).to_degrees();
    if exceeds(turn_deg, MOST_TURN_DEG) {
        return untold(format!(
            "the image axes of the cameras differ by {turn_deg:.0}° (at most {MOST_TURN_DEG:.0}° tell)"
        ));
    }
    let (baseline, along_u) = (right.centre - left.centre, (left.along_u + right.along_u).normalize());
    let along = baseline.dot(&along_u);
    if falls_short(along.abs(), MOST_SLANT_DEG.to_radians().cos() * baseline.norm()) {
        return untold("they stand one above the other as the images see it".into());
    }
    let doubt = (along < 0.0).then_some(Doubt::Swapped { away_mm: -along * views.pitch_mm });
    Placement { doubt, unverified: Vec::new() }
}

fn place(views: &Views, bundle: &Bundle, camera: Camera) -> Option<Place> {
    let sights = sights(&views.observations[camera], views.image_size[camera], views.moved_mm.len());
    let order = views.by_height();
    let height = |view: usize| views.moved_mm[view].z;
    let slopes = slopes(&sights, &order, height);
    let ray = |anchor: usize| {
        let slope: Vector2<f64> = slopes[anchor]?;
        let at = |axis: usize| {
            let here = |view: &usize| sights[*view][anchor].map(|s| s.lines[axis] - slope[axis] * height(*view));
            median(&mut order.iter().filter_map(here).collect::<Vec<_>>())
        };
        Some((Vector2::new(at(0)?, at(1)?), slope))
    };
    let turn = bundle.turn[camera].map(f64::from);
    let centre = centre((0..slopes.len()).filter_map(ray))?;
    let along_u: Vector2<f64> = sights[*order.first()?].iter().flatten().map(|sight| sight.per_u.normalize()).sum();
    Some(Place { centre: turn * centre.xy(), along_u: turn * along_u.try_normalize(1e-9)? })
}
