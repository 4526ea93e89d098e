//! Whether line numbers and poses of all views agree, whatever lens and camera are.
//!
//! For the anchors of [`crate::mapping::checks::rays`], from one height to the next,
//! ```text
//! n_p(h') − n_p(h) = B_p (h' − h) + M (m' − m) + s + θ J (n_p − n̄) + ζ (B_p − B̄)
//! ```
//! with B_p the median slope over all heights, so that no single view is trusted, m the measured motion along x and y, M
//! from the jogs (without them 1/pitch), J a quarter turn. What is left is s, θ, ζ: whole pitches in s are a slip of the
//! line numbers and are taken back; anything else beyond the usual is a target, a camera or a pose that jumped. The same
//! holds between the lowest height and each jog.
//!
//! All numbers count from the first view, where the origin was clicked. A whole number in *all* views of a camera is
//! another origin, and no slip: nothing here can see it.

use crate::camera::{Camera, Stereo};
use crate::mapping::checks::rays::{Sight, Sights, sights, slopes};
use crate::mapping::views::Views;
use crate::statistics::median;
use nalgebra::{Matrix2, Matrix4, Vector2, Vector4};
use serde::{Deserialize, Serialize};

/// Line numbers of one camera that were put right.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repair {
    pub camera: Camera,
    /// First and last of the neighbouring heights, mm.
    pub heights_mm: [f64; 2],
    /// Whether jogs were renumbered instead of heights.
    pub jogs: bool,
    /// Number of views.
    pub views: usize,
    /// What was taken off (n_v, −n_h).
    pub lines: [i32; 2],
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Repair { camera, views, .. }, [x, y], [low, high]) = (self, self.lines, self.heights_mm);
        let what = if self.jogs { "jogs" } else { "heights" };
        write!(f, "{camera} camera, {views} {what} from {low:.2} to {high:.2} mm: line numbers were off by ({x}, {y})")
    }
}

/// What speaks against the line numbers or the poses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Doubt {
    #[error(
        "{place} {moved} by ({:.1}, {:.1}, {:.1}) µm along x, y, z and {turn_deg:.3}° about z, at most {bound_um:.0} µm is \
         accepted: {remedy}", .shift_um[0], .shift_um[1], .shift_um[2]
    )]
    Jumped {
        place: String,
        moved: &'static str,
        shift_um: [f64; 3],
        turn_deg: f64,
        bound_um: f64,
        remedy: &'static str,
    },
    #[error(
        "{camera} camera: the line numbers of the first image differ from those of all others by ({}, {}) lines along x and \
         y, and which are right can't be told: sweep again with smaller first steps",
        .lines[0], .lines[1]
    )]
    FirstAlone { camera: Camera, lines: [i32; 2] },
    #[error(
        "{camera} camera: the line numbers between heights {:.2} and {:.2} mm can't be checked, only {anchors} places of the \
         image see the grid in both (at least {LEAST_ANCHORS} must): is the target large enough, lit and in view?",
        .heights_mm[0], .heights_mm[1]
    )]
    Unchecked { camera: Camera, heights_mm: [f64; 2], anchors: usize },
}

/// What [`put_right`] did and could not do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    pub repairs: Vec<Repair>,
    pub doubts: Vec<Doubt>,
}

/// Jumps up to this are a robot's repeatability, mm; or up to [`USUAL`] times what is usual from height to height.
const LEAST_JUMP_MM: f64 = 0.020;
const USUAL: f64 = 8.0;
/// A jump that the other camera saw by this share at least, both saw.
const SEEN_BY_BOTH: f64 = 0.5;
/// Fewer common anchors don't tell a shift from a turn.
const LEAST_ANCHORS: usize = 6;

/// How the grid moved against a camera, beyond what the poses say.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// s, pitches, at the middle of the anchors.
    lines: Vector2<f64>,
    /// θ, rad.
    turn: f64,
    /// ζ, mm.
    rise_mm: f64,
    /// Distance of the farthest anchor from their middle, pitches.
    reach: f64,
}

impl Step {
    /// Whole pitches.
    fn whole(&self) -> Vector2<f64> {
        self.lines.map(f64::round)
    }

    /// What whole pitches don't explain: shift, displacement of the farthest anchor by the turn, rise; mm.
    fn sizes_mm(&self, pitch_mm: f64) -> [f64; 3] {
        let shift = (self.lines - self.whole()).norm();
        [shift * pitch_mm, self.turn.abs() * self.reach * pitch_mm, self.rise_mm.abs()]
    }
}

/// What one camera says.
struct Track {
    /// From each height to the next; none where too few anchors are common.
    heights: Vec<Option<Step>>,
    /// From the lowest height to each jog.
    jogs: Vec<Option<Step>>,
    /// Number of common anchors of each of the former.
    anchors: Vec<usize>,
    /// Whole pitches by which each view's numbers are off, against the first view.
    slips: Vec<[i32; 2]>,
}

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

/// Takes slips back, and says what else does not fit.
pub fn put_right(views: &mut Views) -> Findings {
    let (order, jogs) = (views.by_height(), (0..views.is_jog.len()).filter(|v| views.is_jog[*v]).collect::<Vec<_>>());
    let tracks = Stereo::from_fn(|camera| {
        let sights = sights(&views.observations[camera], views.image_size[camera], views.moved_mm.len());
        Track::of(views, &sights, &order, &jogs)
    });
    let mut findings = Findings::default();
    for camera in Camera::BOTH {
        let track = &tracks[camera];
        for (i, step) in track.heights.iter().enumerate() {
            if step.is_none() {
                let heights_mm = [order[i], order[i + 1]].map(|view| views.moved_mm[view].z);
                findings.doubts.push(Doubt::Unchecked { camera, heights_mm, anchors: track.anchors[i] });
            }
        }
        let later: Vec<[i32; 2]> = (1..views.is_jog.len()).map(|view| track.slips[view]).collect();
        match later.first() {
            Some(&lines) if lines != [0, 0] && later.iter().all(|slip| *slip == lines) => {
                findings.doubts.push(Doubt::FirstAlone { camera, lines });
            }
            _ => findings.repairs.extend(repairs(views, camera, &track.slips, &order, &jogs)),
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
    findings.doubts.extend(jumps(views, Stereo::from_fn(|camera| &tracks[camera].heights[..]), between));
    let jog = |i: usize| {
        let moved = views.moved_mm[jogs[i]];
        format!("at the jog by ({:.3}, {:.3}) mm", moved.x, moved.y)
    };
    findings.doubts.extend(jumps(views, Stereo::from_fn(|camera| &tracks[camera].jogs[..]), jog));
    findings
}

impl Track {
    fn of(views: &Views, sights: &Sights, order: &[usize], jogs: &[usize]) -> Self {
        let height = |view: usize| views.moved_mm[view].z;
        let slopes = slopes(sights, order, height);
        let step = |from: usize, to: usize| motion(&sights[from], &sights[to], height(to) - height(from), &slopes);
        let lowest = order.first().copied().unwrap_or(0);
        let mut aside: Vec<Option<Step>> = jogs.iter().map(|jog| step(lowest, *jog).1).collect();
        // Before anything is known about the print, and where no jogs are, as the user says.
        let stated = Matrix2::identity() / views.pitch_mm;
        let moved = |from: usize, to: usize| (views.moved_mm[to] - views.moved_mm[from]).xy();
        let pairs = jogs.iter().zip(&aside).filter_map(|(jog, step)| step.map(|s| (moved(lowest, *jog), s.lines)));
        let lines_from_robot = robust_matrix(&pairs.collect::<Vec<_>>()).unwrap_or(stated);
        for (jog, step) in jogs.iter().zip(&mut aside) {
            step.iter_mut().for_each(|step| step.lines -= lines_from_robot * moved(lowest, *jog));
        }
        let (anchors, heights): (Vec<usize>, Vec<Option<Step>>) = order
            .windows(2)
            .map(|pair| {
                let (anchors, mut step) = step(pair[0], pair[1]);
                step.iter_mut().for_each(|step| step.lines -= lines_from_robot * moved(pair[0], pair[1]));
                (anchors, step)
            })
            .unzip();
        let mut slips = vec![[0; 2]; views.moved_mm.len()];
        let whole = |step: &Option<Step>| step.map_or([0; 2], |step| step.whole().map(|x| x as i32).into());
        let plus = |a: [i32; 2], b: [i32; 2]| [a[0] + b[0], a[1] + b[1]];
        for (pair, step) in order.windows(2).zip(&heights) {
            slips[pair[1]] = plus(slips[pair[0]], whole(step));
        }
        for (jog, step) in jogs.iter().zip(&aside) {
            slips[*jog] = plus(slips[lowest], whole(step));
        }
        let first = slips.first().copied().unwrap_or_default();
        slips.iter_mut().for_each(|slip| *slip = [slip[0] - first[0], slip[1] - first[1]]);
        Track { heights, jogs: aside, anchors, slips }
    }
}

/// Least squares for s, θ and ζ with far anchors counting less; and the number of common anchors.
fn motion(
    from: &[Option<Sight>],
    to: &[Option<Sight>],
    rise_mm: f64,
    slopes: &[Option<Vector2<f64>>],
) -> (usize, Option<Step>) {
    let seen = from.iter().zip(to).zip(slopes).filter_map(|((from, to), slope)| Some(((*from)?, (*to)?, (*slope)?)));
    let common: Vec<(Vector2<f64>, Vector2<f64>, Vector2<f64>)> =
        seen.map(|(a, b, slope)| (a.lines, slope, b.lines - a.lines - slope * rise_mm)).collect();
    let count = common.len();
    if count < LEAST_ANCHORS {
        return (count, None);
    }
    let mean = |value: &dyn Fn(usize) -> Vector2<f64>| (0..count).map(value).sum::<Vector2<f64>>() / count as f64;
    let (middle, slope) = (mean(&|i| common[i].0), mean(&|i| common[i].1));
    let rows = |at: &Vector2<f64>, by: &Vector2<f64>| {
        let (at, by) = (at - middle, by - slope);
        [Vector4::new(1.0, 0.0, -at.y, by.x), Vector4::new(0.0, 1.0, at.x, by.y)]
    };
    let along = |axis: usize| median(&mut common.iter().map(|c| c.2[axis]).collect::<Vec<_>>()).unwrap_or(0.0);
    let mut found = Vector4::new(along(0), along(1), 0.0, 0.0);
    for _ in 0..5 {
        let misses: Vec<Vector2<f64>> = common
            .iter()
            .map(|(at, by, moved)| moved - Vector2::from(rows(at, by).map(|row| row.dot(&found))))
            .collect();
        let scale = 2.0 * median(&mut misses.iter().map(|m| m.norm()).collect::<Vec<_>>()).unwrap_or(0.0) + 1e-6;
        // Parallel rays don't tell a rise.
        let (mut own, mut side) = (Matrix4::identity() * 1e-6, Vector4::zeros());
        for ((at, by, moved), miss) in common.iter().zip(&misses) {
            let weight = 1.0 / (1.0 + miss.norm_squared() / (scale * scale));
            for (row, moved) in rows(at, by).iter().zip(moved.iter()) {
                own += weight * row * row.transpose();
                side += weight * *moved * row;
            }
        }
        let Some(solution) = own.cholesky().map(|own| own.solve(&side)) else { return (count, None) };
        found = solution;
    }
    let reach = common.iter().map(|(at, ..)| (at - middle).norm()).fold(0.0, f64::max);
    (count, Some(Step { lines: found.xy(), turn: found.z, rise_mm: found.w, reach }))
}

/// M with seen = M moved, least absolute deviations by reweighting; `None` unless the motions span both axes.
fn robust_matrix(pairs: &[(Vector2<f64>, Vector2<f64>)]) -> Option<Matrix2<f64>> {
    let mut weights = vec![1.0; pairs.len()];
    let mut matrix = Matrix2::zeros();
    for _ in 0..20 {
        let (mut both, mut own) = (Matrix2::zeros(), Matrix2::zeros());
        for ((moved, seen), weight) in pairs.iter().zip(&weights) {
            both += seen * moved.transpose() * *weight;
            own += moved * moved.transpose() * *weight;
        }
        matrix = both * own.try_inverse()?;
        for ((moved, seen), weight) in pairs.iter().zip(&mut weights) {
            *weight = 1.0 / (seen - matrix * moved).norm().max(1e-3);
        }
    }
    Some(matrix)
}

/// Steps beyond the bound, with who moved: seen by both cameras it was the target or the pose.
fn jumps(views: &Views, steps: Stereo<&[Option<Step>]>, place: impl Fn(usize) -> String) -> Vec<Doubt> {
    let sizes = steps.map(|steps| {
        let sizes = steps.iter().map(|step| step.map_or([0.0; 3], |step| step.sizes_mm(views.pitch_mm)));
        sizes.collect::<Vec<[f64; 3]>>()
    });
    let bounds = sizes.as_ref().map(|sizes| {
        // The lengths of 2-D and 1-D normal deviates have their medians at 1.1774 σ and 0.6745 σ.
        [(0, 1.1774), (1, 0.6745), (2, 0.6745)].map(|(kind, at)| {
            let mut known: Vec<f64> = sizes.iter().map(|size| size[kind]).filter(|size| *size > 0.0).collect();
            known.sort_by(f64::total_cmp);
            // The lower median: of four steps two may belong to one bad view.
            let usual = known.get(known.len().saturating_sub(1) / 2).map_or(0.0, |median| median / at);
            LEAST_JUMP_MM.max(USUAL * usual)
        })
    });
    let mut doubts = Vec::new();
    for i in 0..sizes.left.len() {
        let excess = |camera: Camera, kind: usize| sizes[camera][i][kind] / bounds[camera][kind];
        let worst = Camera::BOTH.into_iter().flat_map(|camera| (0..3).map(move |kind| (camera, kind)));
        let Some((camera, kind)) = worst.max_by(|a, b| excess(a.0, a.1).total_cmp(&excess(b.0, b.1))) else { continue };
        let Some(step) = steps[camera][i].filter(|_| excess(camera, kind) > 1.0) else { continue };
        let other = if camera == Camera::Left { Camera::Right } else { Camera::Left };
        let both = sizes[other][i][kind] > SEEN_BY_BOTH * sizes[camera][i][kind];
        let shift = (step.lines - step.whole()) * views.pitch_mm;
        let (moved, remedy) = match (both, camera) {
            (true, _) => (
                "the target moved against the tool, as both cameras saw,",
                "was the target bumped, or is the measured pose wrong there? Fix the target and sweep again",
            ),
            (false, Camera::Left) => ("the left camera moved on its mount", "fix the camera and sweep again"),
            (false, Camera::Right) => ("the right camera moved on its mount", "fix the camera and sweep again"),
        };
        doubts.push(Doubt::Jumped {
            place: place(i),
            moved,
            shift_um: [1e3 * shift.x, 1e3 * shift.y, 1e3 * step.rise_mm],
            turn_deg: step.turn.to_degrees(),
            bound_um: 1e3 * bounds[camera][kind],
            remedy,
        });
    }
    doubts
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
