//! The printed sheet: where its lines lie, and how much of a pixel's footprint is ink.

use crate::sim::config::{GridConfig, OriginMark, Target};
use crate::sim::sheet::mark::Pattern;
use crate::sim::sheet::normal::{NormalTable, REACH};
use nalgebra::{Matrix2, Matrix3, Rotation3, Vector2, Vector3};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use rand_distr::StandardNormal;
use std::f64::consts::TAU;

/// The sheet as it lies on the table. Robot frame, origin at the grid's origin.
pub struct Print {
    /// Directions of paper s and t in the robot frame; unit length but not always at right angles.
    pub along_s: Vector3<f64>,
    /// Direction of paper t likewise.
    pub along_t: Vector3<f64>,
    /// Up from the sheet, of unit length.
    pub normal: Vector3<f64>,
    /// Rows give s and t of a point on the sheet.
    dual: [Vector3<f64>; 2],
    half_size_mm: [f64; 2],
    line_mm: f64,
    /// Numbers of the first and the last edge of a chessboard's squares along s and t; none on a sheet of lines.
    board: Option<[[i64; 2]; 2]>,
    /// Lines, or edges of squares.
    sets: [LineSet; 2],
    warp: Option<Warp>,
    mark: OriginMark,
    pattern: Pattern,
    pitch_mm: f64,
    texture: Option<Texture>,
    normal_table: NormalTable,
}

/// Random brightness of the paper, fixed to it: normal deviates on a square lattice, smoothly interpolated.
struct Texture {
    amplitude: f64,
    seed: u64,
}

/// Distance of the lattice's points, mm.
const TEXTURE_MM: f64 = 0.45;

impl Texture {
    fn at(&self, s: f64, t: f64) -> f64 {
        let (x, y) = (s / TEXTURE_MM, t / TEXTURE_MM);
        let (i, j) = (x.floor(), y.floor());
        // Weights whose squares sum to 1: the same spread everywhere.
        let weights = |x: f64| [(0.25 * TAU * x).cos(), (0.25 * TAU * x).sin()];
        let (across, down) = (weights(x - i), weights(y - j));
        let mut sum = 0.0;
        for (n, down) in down.into_iter().enumerate() {
            for (m, across) in across.into_iter().enumerate() {
                sum += across * down * self.deviate(i as i64 + m as i64, j as i64 + n as i64);
            }
        }
        self.amplitude * sum
    }

    /// A deviate of unit variance for each lattice point: the sum of four uniform ones.
    fn deviate(&self, i: i64, j: i64) -> f64 {
        let mut x =
            self.seed ^ (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (j as u64).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        let uniform = |k: u32| f64::from((x >> (16 * k)) as u16) / 65_536.0 - 0.5;
        3.0_f64.sqrt() * (0..4).map(uniform).sum::<f64>()
    }
}

/// The parallel lines of one direction, or the edges between squares.
struct LineSet {
    pitch_mm: f64,
    /// Own displacement of line n at index n + reach, mm.
    jitter_mm: Vec<f64>,
    reach: i64,
}

impl LineSet {
    /// The line nearest to `coordinate`, and its centre.
    fn nearest(&self, coordinate: f64) -> (i64, f64) {
        let n = (coordinate / self.pitch_mm).round() as i64;
        (n, self.centre(n))
    }

    fn centre(&self, n: i64) -> f64 {
        let own = usize::try_from(n + self.reach).ok().and_then(|i| self.jitter_mm.get(i)).copied().unwrap_or(0.0);
        n as f64 * self.pitch_mm + own
    }
}

/// A smooth displacement of the ink, zero at the origin.
struct Warp {
    amplitude_mm: f64,
    wave: f64,
}

impl Warp {
    fn at(&self, s: f64, t: f64) -> Vector2<f64> {
        let (a, b) = (self.wave * s, self.wave * t);
        let x = (a + 0.6 * b).sin() * 0.6 + 0.4 * ((0.7 * b).cos() - 1.0);
        let y = (0.8 * b - 0.5 * a).sin() * 0.6 + 0.4 * ((0.9 * a).cos() - 1.0);
        self.amplitude_mm * Vector2::new(x, y)
    }
}

impl Print {
    /// The sheet of `config`; `seed` chooses the printer's errors.
    pub fn new(config: &GridConfig, seed: u64) -> Self {
        let turned = Rotation3::from_axis_angle(&Vector3::z_axis(), config.rotation_deg.to_radians());
        let tilted = Rotation3::from_axis_angle(&Vector3::x_axis(), config.tilt_deg[0].to_radians())
            * Rotation3::from_axis_angle(&Vector3::y_axis(), config.tilt_deg[1].to_radians());
        let skew = config.skew_deg.to_radians();
        let along_s = tilted * turned * Vector3::x();
        let along_t = tilted * turned * Vector3::new(-skew.sin(), skew.cos(), 0.0);
        let normal = along_s.cross(&along_t).normalize();
        // Least-squares inverse of [along_s along_t].
        let gram = Matrix2::new(1.0, along_s.dot(&along_t), along_s.dot(&along_t), 1.0);
        let inverse = gram.try_inverse().unwrap_or_else(Matrix2::identity);
        let dual = [0, 1].map(|i| along_s * inverse[(i, 0)] + along_t * inverse[(i, 1)]);
        let print = &config.print;
        let (spacing_mm, board) = match config.target {
            Target::Lines => (config.pitch_mm, None),
            Target::Chessboard { side_mm, squares } => {
                (side_mm, Some(squares.map(|count| [-i64::from(count / 2), i64::from(count - count / 2)])))
            }
        };
        let mut rng = SmallRng::seed_from_u64(seed ^ 0x0070_7269_6e74);
        let sets = [0, 1].map(|i| {
            let reach = (config.size_mm[i] / spacing_mm) as i64;
            let mut jitter_mm: Vec<f64> =
                (-reach..=reach).map(|_| print.jitter_mm * rng.sample::<f64, _>(StandardNormal)).collect();
            jitter_mm[reach as usize] = 0.0;
            LineSet { pitch_mm: spacing_mm * (1.0 + print.scale[i]), jitter_mm, reach }
        });
        Print {
            along_s,
            along_t,
            normal,
            dual,
            half_size_mm: config.size_mm.map(|size| 0.5 * size),
            line_mm: config.line_mm,
            board,
            sets,
            warp: (print.warp_mm > 0.0).then(|| Warp { amplitude_mm: print.warp_mm, wave: TAU / print.warp_length_mm }),
            mark: config.mark,
            pattern: Pattern::of_pitch_mm(config.pitch_mm),
            pitch_mm: config.pitch_mm,
            texture: (print.texture > 0.0).then_some(Texture { amplitude: print.texture, seed }),
            normal_table: NormalTable::new(),
        }
    }

    /// Paper coordinates of a vector in the sheet's plane.
    pub fn paper(&self, vector_mm: Vector3<f64>) -> Vector2<f64> {
        Vector2::new(self.dual[0].dot(&vector_mm), self.dual[1].dot(&vector_mm))
    }

    /// Takes robot axes to the oblique axes along s, along t and along the robot's z.
    pub fn lines_from_robot(&self) -> Matrix3<f64> {
        Matrix3::from_columns(&[self.along_s, self.along_t, Vector3::z()])
            .try_inverse()
            .unwrap_or_else(Matrix3::identity)
    }

    /// Brightness of the bare paper at `at` (mm) over its mean. The footprint is taken as smaller than the texture.
    #[inline]
    pub fn brightness(&self, at: Vector2<f64>) -> f64 {
        self.texture.as_ref().map_or(1.0, |texture| 1.0 + texture.at(at.x, at.y))
    }

    /// Share of ink in a Gaussian footprint at paper point `at`, standard deviations `sigma` along s and t; mm.
    #[inline]
    pub fn ink(&self, at: Vector2<f64>, sigma: Vector2<f64>) -> f64 {
        if at.x.abs() > self.half_size_mm[0] || at.y.abs() > self.half_size_mm[1] {
            return 0.0;
        }
        let moved = match &self.warp {
            // The ink at `at` was meant for where the warp took it from.
            Some(warp) => at - warp.at(at.x, at.y),
            None => at,
        };
        if let Some(board) = &self.board {
            let [s, t] = [0, 1].map(|i| self.shares_of_squares(&self.sets[i], board[i], moved[i], sigma[i]));
            return s[0] * t[0] + s[1] * t[1];
        }
        let across_s = self.share(&self.sets[0], moved.x, sigma.x);
        let across_t = self.share(&self.sets[1], moved.y, sigma.y);
        let lines = 1.0 - (1.0 - across_s) * (1.0 - across_t);
        match self.mark {
            OriginMark::None => lines,
            OriginMark::Cell => {
                let inside =
                    self.band(moved.x, 0.0, self.pitch_mm, sigma.x) * self.band(moved.y, 0.0, self.pitch_mm, sigma.y);
                1.0 - (1.0 - lines) * (1.0 - inside)
            }
            OriginMark::Dot { centre_mm, diameter_mm } => {
                1.0 - (1.0 - lines) * (1.0 - self.dot(moved, Vector2::from(centre_mm), diameter_mm, sigma))
            }
            OriginMark::Pattern => {
                let pitch = Vector2::new(self.sets[0].pitch_mm, self.sets[1].pitch_mm);
                let at = moved.component_div(&pitch);
                // Dots printed with the lines: where these are too far apart, so are the dots.
                let dots = self.pattern.dots_near([at.x, at.y]).map(|[x, y]| {
                    self.dot(moved, Vector2::new(x, y).component_mul(&pitch), Pattern::DIAMETER * self.pitch_mm, sigma)
                });
                // The paper that is left between the lines.
                1.0 - (1.0 - lines) * dots.fold(1.0, |paper, dot| paper * (1.0 - dot))
            }
        }
    }

    /// Share of the footprint that a dot of ink covers.
    fn dot(&self, at: Vector2<f64>, centre: Vector2<f64>, diameter_mm: f64, sigma: Vector2<f64>) -> f64 {
        let spread = (0.5 * (sigma.x * sigma.x + sigma.y * sigma.y)).sqrt().max(1e-9);
        self.normal_table.at((0.5 * diameter_mm - (at - centre).norm()) / spread).0
    }

    /// Share of the footprint that the lines of one set cover.
    #[inline]
    fn share(&self, set: &LineSet, coordinate: f64, sigma: f64) -> f64 {
        let (n, centre) = set.nearest(coordinate);
        let half = 0.5 * self.line_mm;
        // Lines so far off that no footprint reaches them are left out.
        let reach = half + REACH * sigma;
        let mut share = 0.0;
        if (coordinate - centre).abs() < reach {
            share += self.band(coordinate, centre - half, centre + half, sigma);
        }
        if reach > 0.4 * set.pitch_mm {
            let further = (reach / set.pitch_mm).ceil() as i64;
            for step in 1..=further {
                for centre in [set.centre(n - step), set.centre(n + step)] {
                    share += self.band(coordinate, centre - half, centre + half, sigma);
                }
            }
        }
        share.min(1.0)
    }

    /// Shares of the footprint, across one direction, that lie in squares of even and of odd number.
    /// Squares whose numbers along s and t are both even or both odd are ink.
    fn shares_of_squares(&self, edges: &LineSet, [first, last]: [i64; 2], coordinate: f64, sigma: f64) -> [f64; 2] {
        let (near, _) = edges.nearest(coordinate);
        let reach = (REACH * sigma / edges.pitch_mm).ceil() as i64 + 1;
        let mut shares = [0.0; 2];
        for n in (near - reach).max(first)..(near + reach).min(last) {
            shares[n.rem_euclid(2) as usize] += self.band(coordinate, edges.centre(n), edges.centre(n + 1), sigma);
        }
        shares
    }

    /// Share of a Gaussian at `coordinate` that lies between `low` and `high`.
    #[inline]
    fn band(&self, coordinate: f64, low: f64, high: f64, sigma: f64) -> f64 {
        let per_sigma = 1.0 / sigma.max(1e-9);
        self.normal_table.at((high - coordinate) * per_sigma).0 - self.normal_table.at((low - coordinate) * per_sigma).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Brute force: the share of ink among many points of the footprint.
    #[test]
    fn analytic_coverage_agrees_with_dense_sampling() {
        let mut config = GridConfig::default();
        config.print.jitter_mm = 0.01;
        let print = Print::new(&config, 3);
        let sigma = Vector2::new(0.04, 0.06);
        for (s, t) in [(0.0, 0.55), (1.13, 0.6), (2.3, 2.19), (0.3, 0.4), (-3.25, 1.05)] {
            let (mut ink, mut total) = (0.0, 0.0);
            let n = 400;
            for i in 0..n {
                for j in 0..n {
                    let a = (f64::from(i) + 0.5) / f64::from(n) * 10.0 - 5.0;
                    let b = (f64::from(j) + 0.5) / f64::from(n) * 10.0 - 5.0;
                    let weight = (-0.5 * (a * a + b * b)).exp();
                    let (x, y) = (s + a * sigma.x, t + b * sigma.y);
                    let on = |set: &LineSet, x: f64| (x - set.nearest(x).1).abs() < 0.1;
                    if on(&print.sets[0], x) || on(&print.sets[1], y) {
                        ink += weight;
                    }
                    total += weight;
                }
            }
            let analytic = print.ink(Vector2::new(s, t), sigma);
            assert!((analytic - ink / total).abs() < 2e-3, "at ({s}, {t}): {analytic} against {}", ink / total);
        }
    }

    /// Brute force again, inside the board, at its border and beyond it.
    #[test]
    fn coverage_of_a_chessboard_agrees_with_dense_sampling() {
        let target = Target::Chessboard { side_mm: 1.3, squares: [5, 4] };
        let mut config = GridConfig { target, ..GridConfig::default() };
        config.print.jitter_mm = 0.02;
        config.print.scale = [0.02, 0.0];
        let print = Print::new(&config, 3);
        // Five squares lie at s = −2 … 3 sides, four at t = −2 … 2.
        let ink = |s: f64, t: f64| {
            let square = |set: &LineSet, [first, last]: [i64; 2], x: f64| {
                (first..last).find(|n| (set.centre(*n)..set.centre(n + 1)).contains(&x))
            };
            match (square(&print.sets[0], [-2, 3], s), square(&print.sets[1], [-2, 2], t)) {
                (Some(i), Some(j)) => f64::from((i + j) % 2 == 0),
                _ => 0.0,
            }
        };
        for sigma in [Vector2::new(0.04, 0.06), Vector2::new(0.9, 0.5)] {
            for (s, t) in [(0.0, 0.0), (0.7, 0.6), (1.31, -0.4), (3.96, 2.61), (-2.5, 0.9), (4.6, 0.0)] {
                let (mut covered, mut total) = (0.0, 0.0);
                let n = 400;
                for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let [a, b] = [i, j].map(|k| (f64::from(k) + 0.5) / f64::from(n) * 10.0 - 5.0);
                    let weight = (-0.5 * (a * a + b * b)).exp();
                    covered += weight * ink(s + a * sigma.x, t + b * sigma.y);
                    total += weight;
                }
                let analytic = print.ink(Vector2::new(s, t), sigma);
                let sampled = covered / total;
                assert!((analytic - sampled).abs() < 4e-3, "at ({s}, {t}): {analytic} against {sampled}");
            }
        }
        assert!(print.ink(Vector2::new(0.6, 0.6), Vector2::repeat(0.01)) > 0.999);
        assert!(print.ink(Vector2::new(-0.6, 0.6), Vector2::repeat(0.01)) < 0.001);
    }

    #[test]
    fn paper_coordinates_undo_the_directions() {
        let config = GridConfig { skew_deg: 2.0, tilt_deg: [1.0, -2.0], rotation_deg: 30.0, ..GridConfig::default() };
        let print = Print::new(&config, 0);
        let point = 3.0 * print.along_s - 2.0 * print.along_t;
        assert!((print.paper(point) - Vector2::new(3.0, -2.0)).norm() < 1e-12);
        let lines = print.lines_from_robot() * (point + Vector3::new(0.0, 0.0, -7.0));
        assert!((lines - Vector3::new(3.0, -2.0, -7.0)).norm() < 1e-12);
    }
}
