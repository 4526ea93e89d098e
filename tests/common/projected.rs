//! Sweeps made of the simulator's exact projections with noise instead of images: what goes wrong is put in below the phase
//! tracking, which stops most of it before, and a whole cell takes the time of a few images.

use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::mapping::views::{Observation, Views};
use grating_calibration::sim::config::SceneConfig;
use grating_calibration::sim::scene::Scene;
use grating_calibration::sweep::motion::plan::Plan;
use nalgebra::{Matrix2, Rotation3, Vector2, Vector3};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::StandardNormal;

/// Height of every sweep, mm.
pub const DEPTH_MM: f64 = 20.0;

/// Lines from the origin in either direction: more than any camera sees.
const LINES: i32 = 60;

/// What happens to one view besides what the robot says.
#[derive(Clone, Copy)]
pub struct Mishap {
    /// Displacement of the target as each camera sees it, mm.
    pub shift_mm: Stereo<Vector3<f64>>,
    /// Turn of the target about the robot's z axis, at the grid's origin.
    pub turn_deg: f64,
}

impl Mishap {
    pub const NONE: Mishap = Mishap {
        shift_mm: Stereo { left: Vector3::new(0.0, 0.0, 0.0), right: Vector3::new(0.0, 0.0, 0.0) },
        turn_deg: 0.0,
    };

    pub fn target(x: f64, y: f64, z: f64) -> Self {
        let shift = Vector3::new(x, y, z);
        Mishap { shift_mm: Stereo { left: shift, right: shift }, turn_deg: 0.0 }
    }

    pub fn one_camera(camera: Camera, x: f64, y: f64) -> Self {
        let mut mishap = Mishap::NONE;
        // A camera that moves one way sees the target move the other way.
        mishap.shift_mm[camera] = Vector3::new(-x, -y, 0.0);
        mishap
    }
}

/// A sweep to be made.
pub struct ProjectedSweep {
    pub scene: Scene,
    pub plan: Plan,
    pub noise_px: f64,
    pub encoder_noise_mm: f64,
    /// Every so many lines are seen in either direction.
    pub every: i32,
}

impl ProjectedSweep {
    /// Evenly spaced heights.
    pub fn of(config: SceneConfig, heights: u32) -> Self {
        // By hand: some sweeps have larger steps than a plan allows.
        let height_mm = |i: u32| DEPTH_MM * f64::from(i) / f64::from(heights - 1);
        let plan = Plan { offsets_mm: (0..heights).map(|i| [0.0, 0.0, height_mm(i)]).collect() };
        ProjectedSweep { scene: Scene::new(config).unwrap(), plan, noise_px: 0.03, encoder_noise_mm: 0.001, every: 1 }
    }

    /// Jogs of `reach_mm` in four directions.
    pub fn with_jogs(mut self, reach_mm: f64) -> Self {
        let jogs_mm = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]].map(|jog| jog.map(|x| x * reach_mm));
        self.plan = self.plan.with_jogs(&jogs_mm, self.scene.config().grid.pitch_mm).unwrap();
        self
    }

    /// The intersections that the cameras see; `mishap` of each height.
    pub fn views(&self, seed: u64, mishap: impl Fn(usize) -> Mishap) -> Views {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut normal = |sigma: f64| sigma * rng.sample::<f64, _>(StandardNormal);
        let config = self.scene.config();
        let print = &config.grid.print;
        let pitch_mm = print.scale.map(|scale| config.grid.pitch_mm * (1.0 + scale));
        let jitter_mm: [Vec<f64>; 2] = std::array::from_fn(|_| {
            (-LINES..=LINES).map(|n| if n == 0 { 0.0 } else { normal(print.jitter_mm) }).collect()
        });
        let line_mm = |axis: usize, n: i32| f64::from(n) * pitch_mm[axis] + jitter_mm[axis][(n + LINES) as usize];
        let robot_from_lines = self.scene.lines_from_robot().try_inverse().unwrap();
        let is_jog: Vec<bool> = self.plan.offsets_mm.iter().map(|[x, y, _]| *x != 0.0 || *y != 0.0).collect();
        let mut observations: Stereo<Vec<Observation>> = Stereo::default();
        let mut height = 0;
        for (view, offset_mm) in self.plan.offsets_mm.iter().enumerate() {
            let mishap = if is_jog[view] { Mishap::NONE } else { mishap(height) };
            height += usize::from(!is_jog[view]);
            let turn = Rotation3::from_axis_angle(&Vector3::z_axis(), mishap.turn_deg.to_radians());
            let numbers = || (-LINES..=LINES).filter(|n| n % self.every == 0);
            for (n_v, m_h) in numbers().flat_map(|v| numbers().map(move |h| (v, h))) {
                let lines = Vector2::new(line_mm(0, n_v), line_mm(1, m_h));
                let warp = print.warp_mm * (0.1 * (lines.x + 0.6 * lines.y)).sin();
                let on_table = turn * (robot_from_lines * (lines + Vector2::new(warp, -0.7 * warp)).push(0.0));
                for camera in Camera::BOTH {
                    let point_mm = on_table + mishap.shift_mm[camera] - Vector3::from(*offset_mm);
                    let Some(pixel) = self.scene.project(camera, point_mm) else { continue };
                    observations[camera].push(Observation {
                        pixel: pixel + Vector2::from_fn(|_, _| normal(self.noise_px)),
                        covariance_px2: Matrix2::identity() * self.noise_px.powi(2),
                        lines: [n_v, m_h],
                        view: view as u32,
                    });
                }
            }
        }
        let mut moved_mm: Vec<Vector3<f64>> = self
            .plan
            .offsets_mm
            .iter()
            .map(|offset| Vector3::from(*offset) + Vector3::from_fn(|_, _| normal(self.encoder_noise_mm)))
            .collect();
        // As in a session x and y count from the mean of what is no jog, heights from the lowest.
        let heights = moved_mm.iter().zip(&is_jog).filter(|(_, is_jog)| !**is_jog).map(|(moved, _)| moved);
        let lowest_mm = heights.clone().map(|moved| moved.z).fold(f64::INFINITY, f64::min);
        let mean_mm = heights.clone().map(|moved| moved.xy()).sum::<Vector2<f64>>() / heights.count() as f64;
        moved_mm.iter_mut().for_each(|moved| *moved -= mean_mm.push(lowest_mm));
        let image_size = Stereo::from_fn(|_| [config.rig.width, config.rig.height]);
        Views { observations, cells: Stereo::default(), image_size, moved_mm, is_jog, pitch_mm: config.grid.pitch_mm }
    }
}
