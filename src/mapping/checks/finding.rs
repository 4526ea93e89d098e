//! What a check found: one type for all of them, from the sweep to the verdict, the file, the report, and the robot's operator.

use crate::mapping::checks::repair::Repair;
use serde::{Deserialize, Serialize};

/// Which check, in the order of docs/checks.md, which says what each one catches and with which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Check {
    /// Two line numberings that fit nearly alike.
    PhaseMargin,
    /// The share of the image in which intersections were seen.
    Coverage,
    /// Whole pitches by which line numbers of single views are off.
    LineNumbers,
    /// Target, cameras or poses that jumped between two views.
    StraightRays,
    /// The left camera on the left.
    CameraPlacement,
    /// The same intersection as origin of both cameras.
    Origins,
    /// Heights against pitch.
    Scale,
    /// Errors that are common to all poses.
    PoseErrors,
    /// Errors of the print that are common to all views.
    Print,
    /// Number of pixel pairs that the models were checked with.
    StereoPairs,
    /// Errors of the dataset's own stereo points.
    StereoError,
    /// Errors at heights and image regions that the models were not fitted to.
    HeldOutError,
    /// A file of an earlier release, which has findings in words only.
    EarlierRelease,
}

impl Check {
    /// Whether it asks the models, and not the sweep that they come from.
    pub fn is_of_models(self) -> bool {
        matches!(self, Check::StereoPairs | Check::StereoError | Check::HeldOutError)
    }
}

/// What follows from a finding, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[derive(strum::Display, strum::EnumMessage, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Severity {
    /// No robot may use the calibration.
    Unusable,
    /// The calibration can be used, but something is not as it should be.
    Warning,
    /// The check changed the data; the rest holds for the changed data.
    Repaired,
    /// What the data can't tell.
    Unverified,
    /// All is well.
    Note,
}

/// Unit of a measured value, and how many digits of it are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// A ratio.
    #[serde(rename = "1")]
    One,
    /// A number of things.
    #[serde(rename = "count")]
    Count,
    /// Hundredths.
    #[serde(rename = "%")]
    Percent,
    /// Micrometres.
    #[serde(rename = "um")]
    Micrometre,
    /// Millimetres.
    #[serde(rename = "mm")]
    Millimetre,
    /// Distances between neighbouring lines.
    #[serde(rename = "pitches")]
    Pitch,
    /// Degrees.
    #[serde(rename = "deg")]
    Degree,
    /// Standard deviations.
    #[serde(rename = "sigma")]
    Sigma,
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// In `unit`.
    pub value: f64,
    /// Its standard deviation in the same unit, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,
    /// Of `value` and `sigma`.
    pub unit: Unit,
}

impl Quantity {
    /// A value whose standard deviation is not known.
    pub fn new(value: f64, unit: Unit) -> Self {
        Quantity { value, sigma: None, unit }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (digits, name) = match self.unit {
            Unit::One => (3, ""),
            Unit::Count => (0, ""),
            Unit::Percent => (0, " %"),
            Unit::Micrometre => (if self.value.abs() < 10.0 { 2 } else { 1 }, " µm"),
            Unit::Millimetre => (1, " mm"),
            Unit::Pitch => (2, " pitches"),
            Unit::Degree => (0, "°"),
            Unit::Sigma => (0, " σ"),
        };
        write!(f, "{:.digits$}", self.value)?;
        if let Some(sigma) = self.sigma {
            write!(f, " ± {sigma:.digits$}")?;
        }
        f.write_str(name)
    }
}

/// What is accepted, in the unit of the measured value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Limit {
    /// Smallest accepted value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Largest accepted value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

impl Limit {
    /// Values from `bound` up.
    pub fn at_least(bound: f64) -> Self {
        Limit { at_least: Some(bound), at_most: None }
    }

    /// Values up to `bound`.
    pub fn at_most(bound: f64) -> Self {
        Limit { at_least: None, at_most: Some(bound) }
    }
}

/// What one check found. Its text is made here, for verdict, report, command line and node alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// What follows from it.
    pub severity: Severity,
    /// Camera, heights or points that it is about.
    pub subject: String,
    /// What is the case, with its numbers.
    pub statement: String,
    /// The number that decides, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Quantity>,
    /// What of it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Likely cause and what to do; empty where nothing need be done.
    pub remedy: String,
    /// What was changed, where something was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
}

impl Finding {
    /// A finding without a measured value.
    pub fn new(
        check: Check,
        severity: Severity,
        subject: impl Into<String>,
        statement: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (subject, statement, remedy) = (subject.into(), statement.into(), remedy.into());
        Finding { check, severity, subject, statement, measured: None, limit: None, remedy, repair: None }
    }

    /// The same with the number that decides and its limit.
    pub fn measured(self, measured: Quantity, limit: Limit) -> Self {
        Finding { measured: Some(measured), limit: Some(limit), ..self }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        f.write_str(&self.statement)?;
        if let (Some(measured), Some(limit)) = (self.measured, self.limit) {
            let bound = |value: f64| Quantity::new(value, measured.unit);
            match (limit.at_least, limit.at_most) {
                (Some(least), None) => write!(f, " (at least {} is accepted)", bound(least))?,
                (None, Some(most)) => write!(f, " (at most {} is accepted)", bound(most))?,
                (Some(least), Some(most)) => write!(f, " ({} to {} is accepted)", bound(least), bound(most))?,
                (None, None) => {}
            }
        }
        if !self.remedy.is_empty() {
            write!(f, ": {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Whether a robot may use what has these findings, and why (not): the findings that decide, in their order.
pub fn verdict(findings: &[Finding]) -> (bool, String) {
    let texts = |severity: Severity| {
        let those = findings.iter().filter(|finding| finding.severity == severity);
        those.map(ToString::to_string).collect::<Vec<_>>()
    };
    let unusable = texts(Severity::Unusable);
    let usable = unusable.is_empty();
    (usable, if usable { texts(Severity::Note) } else { unusable }.join("; "))
}

/// What a person should read beside the verdict, the gravest first.
pub fn remarks(findings: &[Finding]) -> Vec<String> {
    let beside = |finding: &&Finding| !matches!(finding.severity, Severity::Unusable | Severity::Note);
    let mut beside: Vec<&Finding> = findings.iter().filter(beside).collect();
    beside.sort_by_key(|finding| finding.severity);
    beside.into_iter().map(|finding| format!("{}: {finding}", finding.severity)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named::check_names;

    fn small_margin() -> Finding {
        let margin = Quantity::new(0.2, Unit::Pitch);
        let statement = format!("two line numberings differ by {margin} only");
        Finding::new(Check::PhaseMargin, Severity::Unusable, "right camera at 1.00 mm", statement, "take smaller steps")
            .measured(margin, Limit::at_least(0.3))
    }

    #[test]
    fn a_text_has_subject_value_limit_and_remedy() {
        assert_eq!(
            small_margin().to_string(),
            "right camera at 1.00 mm: two line numberings differ by 0.20 pitches only (at least 0.30 pitches is accepted): \
             take smaller steps"
        );
        let factor = Quantity { sigma: Some(0.003), ..Quantity::new(1.1, Unit::One) };
        assert_eq!(factor.to_string(), "1.100 ± 0.003");
    }

    #[test]
    fn one_unusable_finding_decides_and_the_rest_is_told_beside_it() {
        let note = Finding::new(Check::StereoError, Severity::Note, "points", "they are right", "");
        let blind = Finding::new(Check::Print, Severity::Unverified, "print", "it can't be told", "add jogs");
        assert_eq!(verdict(&[blind.clone(), note.clone()]), (true, "points: they are right".into()));
        let all = [blind.clone(), small_margin(), note];
        assert_eq!(verdict(&all), (false, small_margin().to_string()));
        let repaired = Finding { severity: Severity::Repaired, ..blind };
        let told = remarks(&[all[0].clone(), repaired]);
        assert!(told[0].starts_with("repaired: print: ") && told[1].starts_with("unverified: print: "), "{told:?}");
    }

    #[test]
    fn ids_are_those_of_files() {
        check_names::<Check>();
        check_names::<Severity>();
    }
}
