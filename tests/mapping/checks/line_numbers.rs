//! Slips of line numbers, and bumps of target or cameras.

use crate::common::projected::{Mishap, ProjectedSweep};
use crate::mapping::checks::{JOG_MM, SEED, half_size, sorted};
use grating_calibration::camera::Camera;
use grating_calibration::mapping::checks::consistency::repair_line_numbers;
use grating_calibration::mapping::checks::finding::{Check, Severity};
use grating_calibration::mapping::views::Views;
use grating_calibration::sim::preset::Preset;

fn lines(views: &Views) -> Vec<[i32; 2]> {
    Camera::BOTH.iter().flat_map(|camera| views.observations[*camera].iter().map(|o| o.lines)).collect()
}

/// Every slip of one camera by ±1 or ±2 lines, in one height or from it on, at every height but where only the first
/// image is on its own: then nobody knows which are right.
#[test]
fn a_slip_is_taken_back_at_every_height() {
    for (heights, preset) in [(9, Preset::Standard), (5, Preset::Strong)] {
        let clean = ProjectedSweep::of(half_size(preset), heights).views(SEED, |_| Mishap::NONE);
        let count = heights as usize;
        for (camera, by) in Camera::BOTH.into_iter().flat_map(|c| [[1, 0], [0, -1], [-2, 0], [0, 2]].map(|by| (c, by)))
        {
            for (first, last) in (0..count).flat_map(|view| [(view, view + 1), (view, count)]) {
                let mut views = clean.clone();
                (first..last).for_each(|view| views.renumber(camera, view, by));
                let (repairs, others) = sorted(repair_line_numbers(&mut views));
                let what = format!("{camera} {by:?} in {first}..{last} of {count}: {repairs:?} {others:?}");
                match (first, last - first) {
                    // All views: another origin.
                    (0, all) if all == count => {
                        assert!(repairs.is_empty() && others.is_empty(), "{what}")
                    }
                    (0, 1) | (1, _) if last - first == 1 || last == count => {
                        let alone = first == 0 || last == count;
                        match alone {
                            true => {
                                let [alone] = &others[..] else { panic!("{what}") };
                                assert_eq!((alone.check, alone.severity), (Check::LineNumbers, Severity::Unusable));
                                assert!(
                                    alone.to_string().starts_with(&format!("{camera} camera, first image")),
                                    "{what}"
                                );
                            }
                            false => assert!(others.is_empty() && lines(&views) == lines(&clean), "{what}"),
                        }
                    }
                    _ => {
                        assert!(others.is_empty() && lines(&views) == lines(&clean), "{what}");
                        let [repair] = repairs[..] else { panic!("{what}") };
                        assert_eq!((repair.camera, repair.lines, repair.views), (camera, by, last - first), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn slips_of_both_cameras_and_of_jogs_are_taken_back() {
    let clean = ProjectedSweep::of(half_size(Preset::Laser), 9).with_jogs(JOG_MM).views(SEED, |_| Mishap::NONE);
    let mut views = clean.clone();
    // After the lowest height come the jogs, then the other heights.
    let (raised, end) = (1 + views.is_jog.iter().filter(|is_jog| **is_jog).count(), views.is_jog.len());
    assert!(raised > 20, "{raised}");
    views.renumber(Camera::Left, 7, [1, 0]);
    views.renumber(Camera::Left, 20, [-1, 2]);
    (raised + 3..end).for_each(|view| views.renumber(Camera::Left, view, [0, 1]));
    (raised..end).for_each(|view| views.renumber(Camera::Right, view, [-1, 0]));
    let (repairs, others) = sorted(repair_line_numbers(&mut views));
    assert!(others.is_empty() && lines(&views) == lines(&clean), "{others:?}");
    assert_eq!(repairs.iter().filter(|r| r.jogs).count(), 2, "{repairs:?}");
    assert_eq!(repairs.len(), 4, "{repairs:?}");
}

#[test]
fn a_bumped_target_or_camera_is_named_with_its_place() {
    let sweep = ProjectedSweep::of(half_size(Preset::Standard), 9);
    let turned = Mishap { turn_deg: 0.2, ..Mishap::NONE };
    let cases = [
        (Mishap::target(0.1, 0.0, 0.0), "target"),
        (Mishap::target(0.0, -0.3, 0.0), "target"),
        (Mishap::target(0.3, 0.3, 0.0), "target"),
        (Mishap::target(0.0, 0.0, 0.1), "target"),
        (turned, "target"),
        (Mishap::one_camera(Camera::Left, 0.1, 0.0), "left camera"),
        (Mishap::one_camera(Camera::Right, 0.0, 0.3), "right camera"),
    ];
    for (mishap, who) in cases {
        for from in 1..9 {
            let views = sweep.views(SEED, |i| if i < from { Mishap::NONE } else { mishap });
            let findings = repair_line_numbers(&mut views.clone());
            let [jump] = &findings[..] else { panic!("{who} from {from}: {findings:?}") };
            assert_eq!((jump.check, jump.severity), (Check::StraightRays, Severity::Unusable));
            assert!(jump.measured.unwrap().value > jump.limit.unwrap().at_most.unwrap(), "{jump:?}");
            let text = jump.to_string();
            let place = format!("between heights {:.2} and {:.2} mm", 2.5 * (from as f64 - 1.0), 2.5 * from as f64);
            assert!(text.starts_with(&place) && text.contains(who), "{who} from {from}: {text}");
        }
    }
    // By a whole pitch the target looks as before: that harms nobody.
    let mut views = sweep.views(SEED, |i| if i < 4 { Mishap::NONE } else { Mishap::target(1.1, 0.0, 0.0) });
    let (repairs, others) = sorted(repair_line_numbers(&mut views));
    assert!(others.is_empty() && repairs.len() == 2, "{repairs:?} {others:?}");
}

/// No preset, noise, tilt or number of heights leads to a finding.
#[test]
fn clean_sweeps_lead_to_no_finding() {
    use Preset::{Laser, Mild, Narrow, Noisy, Standard, Strong};
    for (preset, noise_px) in
        [(Standard, 0.03), (Mild, 0.03), (Strong, 0.05), (Narrow, 0.03), (Noisy, 0.15), (Laser, 0.03)]
    {
        for heights in [5, 11, 41] {
            let mut config = half_size(preset);
            config.grid.tilt_deg = [0.1, -0.11];
            let mut sweep = ProjectedSweep::of(config, heights);
            sweep.noise_px = noise_px;
            let sweep = if heights == 11 { sweep.with_jogs(JOG_MM) } else { sweep };
            let findings = repair_line_numbers(&mut sweep.views(SEED, |_| Mishap::NONE));
            assert!(findings.is_empty(), "{preset:?} {heights}: {findings:?}");
        }
    }
}
