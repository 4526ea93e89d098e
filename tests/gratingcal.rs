//! The command line as a user types it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn gratingcal(arguments: &[&str], folder: &Path, stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gratingcal"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const CALIBRATE: [&str; 9] =
    ["calibrate", "--left", "s/left", "--right", "s/right", "--poses", "s/poses.csv", "--pitch-mm", "1.1"];

#[test]
fn simulate_calibrate_and_ask() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("scene.yaml"),
        "rig: {width: 640, height: 360}\nsensor: {blur_px: 0.6}\nlens: {freeform_px: 0.25}\n",
    )
    .unwrap();
    let simulate = [
        "simulate",
        "--out",
        "s",
        "--scene",
        "scene.yaml",
        "--heights",
        "9",
        "--depth-mm",
        "4",
        "--truth-points",
        "50",
        "--json",
    ];
    let simulated = gratingcal(&simulate, folder.path(), "");
    assert!(simulated.status.success(), "{}", text(&simulated.stderr));
    let truth: serde_json::Value = serde_json::from_slice(&simulated.stdout).unwrap();
    let origin = |side: &str| format!("{},{}", truth[format!("origin_{side}")][0], truth[format!("origin_{side}")][1]);
    let (left, right) = (origin("left"), origin("right"));
    let mut arguments = CALIBRATE.to_vec();
    arguments.extend(["--origin-left", &left, "--origin-right", &right]);
    arguments.extend(["--out", "c.yaml", "--report", "r.html", "--json"]);
    let calibrated = gratingcal(&arguments, folder.path(), "");
    assert!(calibrated.status.success(), "{}", text(&calibrated.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&calibrated.stdout).unwrap();
    assert_eq!(summary["usable"], true);
    assert_eq!(summary["heights"], 9);
    let ladder = summary["ladder"].as_array().unwrap();
    let served = ladder.iter().find(|row| row["served"]["left"] == true).unwrap();
    assert!(served["stereo"]["rms_mm"][2].as_f64().unwrap() < 0.06, "{served}");
    assert!(std::fs::read_to_string(folder.path().join("r.html")).unwrap().contains("usable"));

    let mut pairs = std::fs::read_to_string(folder.path().join("s/truth_points.csv")).unwrap();
    // After the good rows: no numbers, outside the image, not the same point.
    pairs.push_str("0,0,0,nan,1,2,3\n0,0,0,5000,1,2,3\n0,0,0,100,100,100,300\n");
    let asked = gratingcal(&["pixel-to-world", "--calibration", "c.yaml"], folder.path(), &pairs);
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    let answers = text(&asked.stdout);
    let rows: Vec<Vec<&str>> = answers.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 53);
    for (row, truth) in rows.iter().zip(pairs.lines().skip(1)).take(50) {
        let truth: Vec<f64> = truth.split(',').take(3).map(|x| x.parse().unwrap()).collect();
        for axis in 0..3 {
            assert!((row[axis].parse::<f64>().unwrap() - truth[axis]).abs() < 0.06, "{row:?} {truth:?}");
        }
    }
    let statuses: Vec<&str> = rows[50..].iter().map(|row| row[7]).collect();
    assert_eq!(statuses, ["invalid_input", "outside_image", "rays_miss"]);
    assert_eq!(rows[50][0], "");

    let points = "x_mm,y_mm,z_mm\n1,2,-2\n900,0,0\n";
    let seen = text(&gratingcal(&["world-to-pixel", "--calibration", "c.yaml"], folder.path(), points).stdout);
    let lines: Vec<&str> = seen.lines().collect();
    assert!(lines[1].ends_with(",ok,ok"), "{seen}");
    assert!(lines[2].starts_with(",,,,"), "{seen}");
    let plane = ["pixel-to-world", "--calibration", "c.yaml", "--camera", "left", "--height-mm", "2"];
    let pixel = lines[1].split(',').take(2).collect::<Vec<_>>().join(",");
    let back = text(&gratingcal(&plane, folder.path(), &format!("u,v\n{pixel}\n")).stdout);
    let back: Vec<f64> = back.lines().nth(1).unwrap().split(',').take(3).map(|x| x.parse().unwrap()).collect();
    assert!((back[0] - 1.0).abs() < 1e-3 && (back[1] - 2.0).abs() < 1e-3 && back[2] == -2.0, "{back:?}");

    let image = "s/left/00004.png";
    let fitted = gratingcal(&["fit", image, "--overlay", "o.png", "--json"], folder.path(), "");
    let fit: serde_json::Value = serde_json::from_slice(&fitted.stdout).unwrap();
    assert!(fit["intersections"].as_array().unwrap().len() > 300);
    assert!(folder.path().join("o.png").exists());
}

/// 8 × 6 corners at five heights, both cameras ideal pinholes 12 mm apart that look straight down.
fn chessboard() -> String {
    let mut text = String::from("camera,u,v,x_mm,y_mm,z_mm,suu,suv,svv\n");
    for (camera, centre) in [("left", -6.0), ("right", 6.0)] {
        for (view, z) in [0.0, -4.0, -9.0, -15.0, -20.0].into_iter().enumerate() {
            for (i, j) in (0..8).flat_map(|i| (0..6).map(move |j| (i, j))) {
                let (x, y) = (2.0 * f64::from(i) - 7.0, 2.0 * f64::from(j) - 5.0);
                let depth = 40.0 - z;
                // Errors of a twentieth of a pixel, the same in every run.
                let error = |k: usize| 0.05 * ((7 * view + 31 * i as usize + 17 * j as usize + 101 * k) as f64).sin();
                let (u, v) = (639.5 + 1300.0 * (x - centre) / depth, 359.5 - 1300.0 * y / depth);
                let row = format!("{camera},{:.4},{:.4},{x},{y},{z},0.002,0.0005,0.002\n", u + error(1), v + error(2));
                text.push_str(&row);
            }
        }
    }
    text
}

#[test]
fn correspondences_from_another_detector_are_mapped() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("points.csv"), chessboard()).unwrap();
    let arguments = ["map", "--points", "points.csv", "--image-size", "1280,720", "--out", "c.yaml"];
    let mapped = gratingcal(&[&arguments[..], &["--report", "r.html", "--json"]].concat(), folder.path(), "");
    assert!(mapped.status.success(), "{}", text(&mapped.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&mapped.stdout).unwrap();
    assert_eq!((&summary["usable"], &summary["heights"]), (&true.into(), &5.into()));
    let kinds: Vec<&str> =
        summary["ladder"].as_array().unwrap().iter().map(|row| row["model"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"brown") && !kinds.contains(&"septic"), "{kinds:?}");
    let report = std::fs::read_to_string(folder.path().join("r.html")).unwrap();
    assert!(report.contains("<td>brown") && !report.contains("phase margin"));
    let table = text(&gratingcal(&arguments, folder.path(), "").stdout);
    assert!(table.contains("brown") && table.contains("served by both"), "{table}");
    // Where both see (1.3, −2.1, −11.5), between the corners and the heights.
    let pixels = format!(
        "u_left,v_left,u_right,v_right\n{},{v},{},{v}\n",
        639.5 + 1300.0 * 7.3 / 51.5,
        639.5 - 1300.0 * 4.7 / 51.5,
        v = 359.5 + 1300.0 * 2.1 / 51.5
    );
    let answer = text(&gratingcal(&["pixel-to-world", "--calibration", "c.yaml"], folder.path(), &pixels).stdout);
    let point: Vec<f64> = answer.lines().nth(1).unwrap().split(',').take(3).map(|x| x.parse().unwrap()).collect();
    for (found, truth) in point.iter().zip([1.3, -2.1, -11.5]) {
        assert!((found - truth).abs() < 0.01, "{answer}");
    }
    let spoilt = chessboard().replacen("left,", "centre,", 1);
    std::fs::write(folder.path().join("points.csv"), spoilt).unwrap();
    let complaint = text(&gratingcal(&arguments, folder.path(), "").stderr);
    assert!(
        complaint.contains("points.csv") && complaint.contains("row 1") && complaint.contains("'centre'"),
        "{complaint}"
    );
}

#[test]
fn mistakes_are_answered_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let complaint = |arguments: &[&str]| {
        let output = gratingcal(arguments, folder.path(), "");
        assert!(!output.status.success());
        text(&output.stderr)
    };
    let mut arguments = CALIBRATE.to_vec();
    arguments.extend(["--origin-left", "1,2", "--origin-right", "3,4", "--out", "c.yaml"]);
    assert!(complaint(&arguments).contains("s/poses.csv"));
    std::fs::create_dir_all(folder.path().join("s/left")).unwrap();
    std::fs::create_dir_all(folder.path().join("s/right")).unwrap();
    let poses = folder.path().join("s/poses.csv");
    std::fs::write(&poses, "index,x_mm,y_mm,z_mm\n0,0,0,0\n").unwrap();
    assert!(complaint(&arguments).contains("no image 00000"));
    std::fs::write(&poses, "index,x_mm,y_mm,z_mm\n0,0,0,nan\n").unwrap();
    assert!(complaint(&arguments).contains("z_mm is NaN"));
    std::fs::write(&poses, "index,z\n0,0\n").unwrap();
    assert!(complaint(&arguments).contains("index,x_mm,y_mm,z_mm"));
    let mut arguments = CALIBRATE.to_vec();
    arguments.extend(["--origin-left", "middle", "--origin-right", "3,4", "--out", "c.yaml"]);
    assert!(complaint(&arguments).contains("U,V"));
    assert!(complaint(&["pixel-to-world", "--calibration", "none.yaml"]).contains("none.yaml"));
    assert!(complaint(&["fit", "none.png"]).contains("none.png"));
}
