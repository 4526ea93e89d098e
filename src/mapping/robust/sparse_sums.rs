//! Normal equations of many sparse rows: rows of the same parameters are gathered and multiplied out many at a time.

use crate::least_squares::NormalSums;
use nalgebra::DMatrix;

/// The non-zero derivatives of one equation by ascending parameter: index of the parameter, value.
pub type SparseRow = Vec<(usize, f64)>;

/// Normal equations at one place, and the cost there.
pub struct NormalEquations {
    /// AᵀWA, n × n, symmetric.
    pub ata: DMatrix<f64>,
    /// AᵀWb, n × 1.
    pub atb: DMatrix<f64>,
    /// Sum of the losses and squared priors.
    pub cost: f64,
}

impl NormalEquations {
    /// Adds what other equations of the same parameters say.
    pub fn add(&mut self, other: &NormalEquations) {
        self.ata += &other.ata;
        self.atb += &other.atb;
        self.cost += other.cost;
    }
}

/// Equations of the same parameters.
struct Group {
    parameters: Vec<usize>,
    sums: NormalSums,
}

impl Group {
    fn has(&self, row: &[(usize, f64)]) -> bool {
        // From the end: there most of the others differ.
        self.parameters.len() == row.len()
            && self.parameters.iter().rev().zip(row.iter().rev()).all(|(own, (other, _))| own == other)
    }
}

/// Of this many parameters at most, zeros are multiplied too: that is quicker than gathering.
const DENSE_PARAMETERS: usize = 32;
/// Shorter rows are multiplied out one by one: a group would cost more than it saves.
const GROUPED_ROW_ENTRIES: usize = 16;
/// Rows beyond this many groups are multiplied out one by one: the search for a group takes its time.
const MAX_GROUPS: usize = 256;

/// Sums of AᵀWA and AᵀWb, fed one equation at a time.
pub struct SparseSums {
    /// The lower triangle, AᵀWb, and the cost so far.
    direct: NormalEquations,
    dense: Option<NormalSums>,
    groups: Vec<Group>,
}

impl SparseSums {
    /// For `n` parameters.
    pub fn new(n: usize) -> Self {
        let direct = NormalEquations { ata: DMatrix::zeros(n, n), atb: DMatrix::zeros(n, 1), cost: 0.0 };
        SparseSums { direct, dense: (n <= DENSE_PARAMETERS).then(|| NormalSums::new(n, 1)), groups: Vec::new() }
    }

    /// Adds to the cost.
    pub fn add_cost(&mut self, cost: f64) {
        self.direct.cost += cost;
    }

    /// Adds a prior: ∂value/∂parameters, wanted − value, and its standard deviation in the same unit.
    pub fn add_prior(&mut self, row: &[(usize, f64)], residual: f64, sigma: f64) {
        self.add_cost((residual / sigma).powi(2));
        self.add(row, residual, 1.0 / (sigma * sigma));
    }

    /// Adds one equation, its parameters in ascending order; the cost stays as it is.
    pub fn add(&mut self, row: &[(usize, f64)], residual: f64, weight: f64) {
        if let Some(dense) = &mut self.dense {
            return dense.add(|target| row.iter().for_each(|(i, value)| target[*i] = *value), &[residual], weight);
        }
        if row.len() >= GROUPED_ROW_ENTRIES
            && let Some(group) = self.group_of(row)
        {
            let fill =
                |target: &mut [f64]| target.iter_mut().zip(row).for_each(|(target, (_, value))| *target = *value);
            return group.sums.add(fill, &[residual], weight);
        }
        for (k, (j, by)) in row.iter().enumerate() {
            let by = by * weight;
            self.direct.atb[*j] += by * residual;
            row[k..].iter().for_each(|(i, value)| self.direct.ata[(*i, *j)] += by * value);
        }
    }

    /// The group of `row`, a new one if need be and possible.
    fn group_of(&mut self, row: &[(usize, f64)]) -> Option<&mut Group> {
        let at = self.groups.iter().position(|group| group.has(row)).unwrap_or(self.groups.len());
        if at == MAX_GROUPS {
            return None;
        }
        if at == self.groups.len() {
            let parameters = row.iter().map(|(i, _)| *i).collect();
            self.groups.push(Group { parameters, sums: NormalSums::new(row.len(), 1) });
        }
        self.groups.get_mut(at)
    }

    /// With both triangles; `None` where the cost is not finite.
    pub fn finish(self) -> Option<NormalEquations> {
        let mut equations = self.direct;
        if let Some(dense) = self.dense {
            (equations.ata, equations.atb) = dense.finish();
        }
        for Group { parameters, sums } in self.groups {
            let (ata, atb) = sums.finish();
            for (j, column) in parameters.iter().enumerate() {
                equations.atb[*column] += atb[j];
                // The lower triangle.
                for (i, row) in parameters.iter().enumerate().skip(j) {
                    equations.ata[(*row, *column)] += ata[(i, j)];
                }
            }
        }
        equations.ata.fill_upper_triangle_with_lower_triangle();
        equations.cost.is_finite().then_some(equations)
    }
}
