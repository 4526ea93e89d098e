//! Whether line numbers and poses of all views agree, whatever lens and camera are.
//!
//! | file | holds |
//! | --- | --- |
//! | `motion` | how the grid moved against a camera, beyond what the poses say |
//! | `jumps` | the steps that are no slip of the line numbers |
//!
//! For the anchors of [`crate::mapping::checks::rays`], from one height to the next,
//! ```text
//! n_p(h') − n_p(h) = B_p (h' − h) + M (m' − m) + s + θ J (n_p − n̄) + ζ (B_p − B̄)
//! ```
//! | symbol | | unit |
//! | --- | --- | --- |
//! | n_p, n̄ | place of the grid that the pixel p sees, from the origin, and the mean over all anchors | pitches |
//! | B_p, B̄ | its slope: the median over all heights, so that no single view is trusted; and the mean | pitches/mm |
//! | m, M | measured motion along x and y; M from the jogs, without them 1/pitch | mm, pitches/mm |
//! | s, θ, ζ | what is left: shift, turn about z (J is a quarter turn), rise | pitches, rad, mm |
//!
//! Whole pitches in s are a slip of the line numbers and are taken back. Anything else beyond the usual is a target, a
//! camera or a pose that jumped. The same holds between the lowest height and each jog.
//!
//! All numbers count from the first view, where the origin was clicked. A whole number in *all* views of a camera is
//! another origin, and no slip: nothing here can see it.

mod jumps;
mod motion;

use crate::camera::{Camera, Stereo};
use crate::mapping::checks::consistency::jumps::jumps;
use crate::mapping::checks::consistency::motion::{MIN_ANCHORS, Track};
use crate::mapping::checks::finding::{Check, Finding, Limit, Quantity, Severity, Unit};
use crate::mapping::checks::rays::ray_points;
use crate::mapping::checks::repair::Repair;
use crate::mapping::views::Views;

impl Views {
    /// Adds `by` to the line numbers (n_v, −n_h) of one camera in one view.
    pub fn renumber(&mut self, camera: Camera, view: usize, by: [i32; 2]) {
        let seen = self.observations[camera].iter_mut().filter(|o| o.view as usize == view);
        seen.for_each(|o| o.lines = [o.lines[0] + by[0], o.lines[1] + by[1]]);
        let cells = self.cells[camera].iter_mut().filter(|c| c.view as usize == view);
        cells.for_each(|c| c.lines = [c.lines[0] + by[0], c.lines[1] + by[1]]);
    }

    /// The views that are no jogs, lowest first.
    pub(crate) fn by_height(&self) -> Vec<usize> {
        let mut straight: Vec<usize> = (0..self.is_jog.len()).filter(|view| !self.is_jog[*view]).collect();
        straight.sort_by(|a, b| self.moved_mm[*a].z.total_cmp(&self.moved_mm[*b].z));
        straight
    }
}

/// Takes slips of the line numbers back, and says what else does not fit.
pub fn repair_line_numbers(views: &mut Views) -> Vec<Finding> {
    let (order, jogs) = (views.by_height(), (0..views.is_jog.len()).filter(|v| views.is_jog[*v]).collect::<Vec<_>>());
    let tracks = Stereo::from_fn(|camera| {
        let points = ray_points(&views.observations[camera], views.image_size[camera], views.moved_mm.len());
        Track::of(views, &points, &order, &jogs)
    });
    let mut findings = Vec::new();
    for camera in Camera::BOTH {
        let track = &tracks[camera];
        for (i, step) in track.heights.iter().enumerate() {
            if step.is_none() {
                let heights_mm = [order[i], order[i + 1]].map(|view| views.moved_mm[view].z);
                findings.push(unchecked(camera, heights_mm, track.anchors[i]));
            }
        }
        let later: Vec<[i32; 2]> = (1..views.is_jog.len()).map(|view| track.slips[view]).collect();
        match later.first() {
            Some(&lines) if lines != [0, 0] && later.iter().all(|slip| *slip == lines) => {
                findings.push(first_alone(camera, lines));
            }
            _ => findings.extend(repairs(views, camera, &track.slips, &order, &jogs).into_iter().map(repaired)),
        }
    }
    for camera in Camera::BOTH {
        for (view, slip) in tracks[camera].slips.iter().enumerate().filter(|(_, slip)| **slip != [0, 0]) {
            views.renumber(camera, view, [-slip[0], -slip[1]]);
        }
    }
    let between = |i: usize| {
        let [a, b] = [order[i], order[i + 1]].map(|view| views.moved_mm[view].z);
        format!("between heights {a:.2} and {b:.2} mm")
    };
    findings.extend(jumps(Stereo::from_fn(|camera| &tracks[camera].heights[..]), views.pitch_mm, between));
    let jog = |i: usize| {
        let moved = views.moved_mm[jogs[i]];
        format!("at the jog by ({:.3}, {:.3}) mm", moved.x, moved.y)
    };
    findings.extend(jumps(Stereo::from_fn(|camera| &tracks[camera].jogs[..]), views.pitch_mm, jog));
    findings
}

fn unchecked(camera: Camera, [low, high]: [f64; 2], anchors: usize) -> Finding {
    let seen = Quantity::new(anchors as f64, Unit::Count);
    Finding::new(
        Check::LineNumbers,
        Severity::Unusable,
        format!("{camera} camera between heights {low:.2} and {high:.2} mm"),
        format!("the line numbers can't be checked, {seen} places of the image see the grid in both"),
        "is the target large enough, lit and in view?",
    )
    .measured(seen, Limit::at_least(MIN_ANCHORS as f64))
}

fn first_alone(camera: Camera, [x, y]: [i32; 2]) -> Finding {
    Finding::new(
        Check::LineNumbers,
        Severity::Unusable,
        format!("{camera} camera, first image"),
        format!(
            "the line numbers differ from those of all other images by ({x}, {y}) lines along x and y, and which are right \
             can't be told"
        ),
        "sweep again with smaller first steps",
    )
}

/// The finding of a repair.
pub fn repaired(repair: Repair) -> Finding {
    let (Repair { camera, views, .. }, [x, y], [low, high]) = (repair, repair.lines, repair.heights_mm);
    let what = if repair.jogs { "jogs" } else { "heights" };
    let subject = format!("{camera} camera, {views} {what} from {low:.2} to {high:.2} mm");
    let statement = format!("line numbers were off by ({x}, {y})");
    let finding = Finding::new(Check::LineNumbers, Severity::Repaired, subject, statement, "");
    Finding { repair: Some(repair), ..finding }
}

/// Runs of neighbouring heights with the same slip, and jogs one by one.
fn repairs(views: &Views, camera: Camera, slips: &[[i32; 2]], order: &[usize], jogs: &[usize]) -> Vec<Repair> {
    let mut found: Vec<Repair> = Vec::new();
    let mut last = [0, 0];
    for view in order {
        let (lines, height_mm) = (slips[*view], views.moved_mm[*view].z);
        match found.last_mut() {
            Some(run) if lines == last && lines != [0, 0] => {
                run.heights_mm[1] = height_mm;
                run.views += 1;
            }
            _ if lines != [0, 0] => {
                found.push(Repair { camera, heights_mm: [height_mm; 2], jogs: false, views: 1, lines });
            }
            _ => {}
        }
        last = lines;
    }
    let slipped = jogs.iter().filter(|jog| slips[**jog] != [0, 0]);
    found.extend(slipped.map(|jog| {
        let heights_mm = [views.moved_mm[*jog].z; 2];
        Repair { camera, heights_mm, jogs: true, views: 1, lines: slips[*jog] }
    }));
    found
}
