//! What no image of a sweep can tell, whatever it shows.

use crate::mapping::bundle::stage::StageFigures;
use crate::mapping::checks::finding::{Check, Finding, Severity};

/// What stays unknown of poses and print.
pub fn check(stage: &StageFigures) -> Vec<Finding> {
    let unverified =
        |check, subject, statement, remedy| Finding::new(check, Severity::Unverified, subject, statement, remedy);
    let poses = unverified(
        Check::PoseErrors,
        "pose errors that all heights share, or that grow in proportion to the height",
        "they can't be told from the frame's own origin, axes and scale; the covariance takes them to be as large as the other \
         pose errors",
        "",
    );
    let print = unverified(
        Check::Print,
        "the print's own errors (pitch, skew, warp, uneven lines)",
        "they can't be told from the lens, answers follow the printed lines",
        "add jogs along x and y, which measure the print",
    );
    if stage.print_measured { vec![poses] } else { vec![print, poses] }
}
