//! Waits for image pairs: any pair, or the one that the chooser of still pairs takes.

use crate::camera::Camera;
use crate::ros::input::image_buffer::Pair;
use crate::ros::input::still_pairs::{StillImages, StillPairs};
use crate::ros::robot::mover::Mover;
use crate::ros::robot::stop::{Stop, failed};
use crate::sweep::images::still_pair::NotYet;
use std::time::Instant;
use tokio::sync::oneshot;

/// The wanted pair of a tool that has settled.
///
/// # Errors
/// [`Stop`] when none comes in time, on cancel, or when the robot is lost.
pub async fn still_pair(
    mover: &mut Mover<'_>,
    chooser: &StillPairs,
    mut wanted: oneshot::Receiver<StillImages>,
) -> Result<StillImages, Stop> {
    let begun = Instant::now();
    let (image_timeout, period) = (mover.settings.image_timeout, mover.settings.period);
    loop {
        tokio::select! {
            pair = &mut wanted => return pair.or_else(|_| failed("the thread that chooses images has ended; the log says why")),
            waited = mover.wait(period) => waited?,
        }
        // Nothing is commanded here, but a sweep whose robot is lost is over.
        mover.fresh_pose()?;
        let why = chooser.state().not_yet;
        // Pairs that come but are no good may get better.
        let longest = match why {
            NotYet::Repeated { .. } | NotYet::Moving { .. } | NotYet::OnePair | NotYet::NotAtRest(_) => {
                image_timeout + mover.settings.settle_timeout
            }
            _ => image_timeout,
        };
        if begun.elapsed() > longest {
            return failed(reason(mover, why, longest.as_secs_f64()).await);
        }
    }
}

/// Why no still pair came within `limit_s`, and what to do.
async fn reason(mover: &Mover<'_>, why: NotYet, limit_s: f64) -> String {
    match why {
        NotYet::Repeated { camera } => format!(
            "the {camera} camera has repeated, with new stamps, what it showed before the tool moved, for {limit_s:.1} s: is \
             its driver frozen?"
        ),
        NotYet::Moving { moved_px, limit_px } => format!(
            "the image did not come to rest within {limit_s:.1} s: it shifts by {moved_px:.2} px from one image to the next, \
             at most {limit_px} px are accepted: stop what shakes cameras or sheet, or raise settle.image_tolerance"
        ),
        NotYet::PoseMissing { .. } | NotYet::OlderThanRest { .. } => {
            format!("{why}: do the clocks of robot and cameras agree?")
        }
        NotYet::NotAtRest(_) => format!("no image pair was taken at rest within {limit_s:.1} s: {why}"),
        _ => {
            let trouble = mover.cameras().trouble_and_publishers().await;
            format!("no image pair arrived within {limit_s:.1} s after the tool settled: {why}; {trouble}")
        }
    }
}

/// The first pair whose images are both stamped later than `since_ns`.
///
/// # Errors
/// [`Stop`] when none comes in time, or on cancel.
pub async fn pair_after(mover: &mut Mover<'_>, since_ns: i64, when: &str) -> Result<Pair, Stop> {
    let begun = Instant::now();
    let mut pairs = mover.cameras().pairs();
    loop {
        if let Some(pair) = pairs.borrow_and_update().clone()
            && Camera::BOTH.iter().all(|camera| pair[*camera].stamp_ns > since_ns)
        {
            return Ok(pair);
        }
        if begun.elapsed() > mover.settings.image_timeout {
            return failed(format!(
                "no image pair arrived within {:.1} s {when}: {}",
                mover.settings.image_timeout.as_secs_f64(),
                mover.cameras().trouble_and_publishers().await
            ));
        }
        let period = mover.settings.period;
        tokio::select! {
            _ = pairs.changed() => mover.stop_if_cancelled()?,
            waited = mover.wait(period) => waited?,
        }
        mover.fresh_pose()?;
    }
}
