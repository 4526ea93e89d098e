//! The command line as a user types it.

use crate::common::cell::SMALL_CELL;
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
    std::fs::write(folder.path().join("scene.yaml"), SMALL_CELL).unwrap();
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
    arguments.extend(["--out", "c.yaml", "--report", "r.html", "--json", "--every-model", "models"]);
    let calibrated = gratingcal(&arguments, folder.path(), "");
    assert!(calibrated.status.success(), "{}", text(&calibrated.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&calibrated.stdout).unwrap();
    assert_eq!(summary["usable"], true);
    assert_eq!(summary["heights"], 9);
    let ladder = summary["ladder"].as_array().unwrap();
    let served = ladder.iter().find(|row| row["served"]["left"] == true).unwrap();
    assert!(served["stereo"]["rms_mm"][2].as_f64().unwrap() < 0.06, "{served}");
    check_report(folder.path());

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

    // Each row's own plane, and the whole covariance.
    let own_plane = ["pixel-to-world", "--calibration", "c.yaml", "--camera", "left", "--covariance"];
    let same = text(&gratingcal(&own_plane, folder.path(), &format!("u,v,z_mm\n{pixel},-2\n,,\n")).stdout);
    let rows: Vec<Vec<&str>> = same.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0][8..], ["cxx_mm2", "cxy_mm2", "cxz_mm2", "cyy_mm2", "cyz_mm2", "czz_mm2"]);
    let same: Vec<f64> = [0, 1, 2, 3, 8].map(|i| rows[1][i].parse().unwrap()).to_vec();
    assert_eq!(same[..3], back);
    assert!((same[4].sqrt() / same[3] - 1.0).abs() < 0.05, "{same:?}");
    assert_eq!((rows[2][7], rows[2][8]), ("invalid_input", ""));

    // Every rung of the ladder has its own file.
    let worst = |model: &str| {
        let file = format!("models/{model}.yaml");
        let answers = text(&gratingcal(&["pixel-to-world", "--calibration", &file], folder.path(), &pairs).stdout);
        let miss = |(row, truth): (&str, &str)| {
            let number = |text: &str| text.split(',').nth(2).unwrap().parse::<f64>().unwrap();
            (number(row) - number(truth)).abs()
        };
        answers.lines().zip(pairs.lines()).skip(1).take(50).map(miss).fold(0.0, f64::max)
    };
    assert!(worst("central") < 0.06 && worst("cubic") > 3.0 * worst("central"));
    let mut arguments = CALIBRATE.to_vec();
    arguments.extend(["--origin-left", &left, "--origin-right", &right, "--out", "q.yaml", "--model", "quintic"]);
    gratingcal(&arguments, folder.path(), "");
    let lines = |file: &str| {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        text.lines().filter(|line| !line.starts_with("created")).map(String::from).collect::<Vec<_>>()
    };
    assert!(lines("q.yaml") == lines("models/quintic.yaml"));

    let image = "s/left/00004.png";
    let fitted = gratingcal(&["fit", image, "--overlay", "o.png", "--json"], folder.path(), "");
    let fit: serde_json::Value = serde_json::from_slice(&fitted.stdout).unwrap();
    assert!(fit["intersections"].as_array().unwrap().len() > 300);
    assert!(folder.path().join("o.png").exists());
}

const FIGURES: [&str; 12] = [
    "models",
    "error_histogram",
    "residual_map_left",
    "residual_map_right",
    "coverage_left",
    "coverage_right",
    "residual_over_height",
    "phase_margin_over_height",
    "grating_residual_over_height",
    "pose_errors_over_height",
    "distortion_left",
    "distortion_right",
];

/// One page that needs no other file, the verdict first, with all figures; and each figure beside it.
fn check_report(folder: &Path) {
    let page = std::fs::read_to_string(folder.join("r.html")).unwrap();
    let body = page.split_once("<main>").unwrap().1;
    assert!(body.starts_with("<h1>Calibration: <span class=ok>✓ usable</span>"));
    let outside = |text: &str| !text.starts_with("data:") && !text.starts_with("#");
    assert!(!page.split("src=\"").skip(1).any(outside) && !page.contains("<link") && !page.contains("@import"));
    assert!(!page.replace("http://www.w3.org/2000/svg", "").contains("://"));
    assert_eq!(page.matches("<svg ").count(), FIGURES.len());
    assert!(
        ["<h2>Settings", "9 from 0.00 to", "s/poses.csv", env!("CARGO_PKG_VERSION")].iter().all(|w| page.contains(w))
    );
    for name in FIGURES {
        let svg = std::fs::read_to_string(folder.join(format!("r_plots/{name}.svg"))).unwrap();
        // Every axis has its unit.
        assert!(["px", "µm", "mm", "pitches", "share of the signal"].iter().any(|unit| svg.contains(unit)), "{name}");
        assert!(!svg.contains("NaN") && !svg.contains("nothing to show"), "{name}");
        let plot = image::open(folder.join(format!("r_plots/{name}.png"))).unwrap().to_luma8();
        let dark = plot.pixels().filter(|pixel| pixel.0[0] < 100).count();
        assert!(plot.width() == 1280 && dark > 500, "{name}: {dark} dark pixels");
    }
    // The same images again, and what was calibrated: the same residuals.
    let again = ["report", "--calibration", "c.yaml", "--sweep", "s", "--out", "again.html", "--quiet"];
    let written = gratingcal(&again, folder, "");
    assert!(written.status.success(), "{}", text(&written.stderr));
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    for name in ["residual_map_left", "residual_over_height", "error_histogram"] {
        assert!(read(&format!("r_plots/{name}.svg")) == read(&format!("again_plots/{name}.svg")), "{name}");
    }
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

/// Sheet, sweep and calibration with an origin mark: no pixel and no pitch is given.
#[test]
fn a_marked_sheet_needs_no_clicks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let run = |arguments: &str| {
        let output = gratingcal(&arguments.split(' ').collect::<Vec<_>>(), path, "");
        assert!(output.status.success(), "{arguments}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    run("target --pitch-mm 1.1 --paper letter --out target.svg");
    assert!(std::fs::read_to_string(path.join("target.svg")).unwrap().ends_with("</svg>\n"));
    let refused = gratingcal(&["target", "--pitch-mm", "1.105", "--out", "no.svg"], path, "");
    assert!(!refused.status.success() && text(&refused.stderr).contains("hundredths"));

    let scene = format!("{SMALL_CELL}cameras: {{left: {{turn_deg: 180}}}}\ngrid: {{mark: {{kind: pattern}}}}\n");
    std::fs::write(path.join("scene.yaml"), scene).unwrap();
    let truth = run("simulate --out s --scene scene.yaml --heights 6 --depth-mm 2 --truth-points 5 --json");
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    let fit: serde_json::Value = serde_json::from_str(&run("fit s/left/00000.png --overlay o.png --json")).unwrap();
    let near = |place: &str, other: &serde_json::Value, axis: usize, limit: f64| {
        let found = fit["mark"].pointer(place).unwrap()[axis].as_f64().unwrap();
        (found - other[axis].as_f64().unwrap()).abs() < limit
    };
    assert_eq!(fit["mark"]["pitch_mm"], 1.1);
    assert!((0..2).all(|axis| near("/origin_px", &truth["origin_left"], axis, 0.5)), "{}", fit["mark"]);
    // Upside down: +x to the left, +y down.
    let axes = [serde_json::json!([-23.6, 0.0]), serde_json::json!([0.0, 23.6])];
    assert!((0..2).all(|axis| near("/axes_px/0", &axes[0], axis, 3.0) && near("/axes_px/1", &axes[1], axis, 3.0)));
    assert!(run("fit s/left/00000.png").contains("+x towards left, +y towards down, pitch 1.1 mm"));

    let sweep = "calibrate --left s/left --right s/right --poses s/poses.csv --out c.yaml --json";
    let summary: serde_json::Value = serde_json::from_str(&run(sweep)).unwrap();
    assert_eq!(summary["usable"], true);
    let wrong = format!("{sweep} --pitch-mm 1.0");
    let refused = gratingcal(&wrong.split(' ').collect::<Vec<_>>(), path, "");
    assert!(text(&refused.stderr).contains("1 mm") && text(&refused.stderr).contains("1.1 mm"));
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
    // A machine with a GPU gets as far as the missing image.
    let refused = complaint(&["fit", "none.png", "--backend", "cuda"]);
    assert!(refused.contains("backend cpu") || refused.contains("none.png"), "{refused}");
    assert!(complaint(&["simulate", "--out", "s", "--chessboard", "22x12"]).contains("22x12x1.1"));
    assert!(complaint(&["simulate", "--out", "s", "--chessboard", "1x12x1.1"]).contains("grid.target.squares"));
}

/// `gratingcal … | head`: the reader has gone before everything is written.
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("s").display().to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gratingcal"))
        .args(["simulate", "--heights", "2", "--out", &out])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("panicked"));
}

#[test]
fn bench_tells_rates_and_their_share_of_the_floor() {
    let folder = tempfile::tempdir().unwrap();
    let output = gratingcal(&["bench", "--backend", "cpu", "--repeats", "1", "--json"], folder.path(), "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines = found["lines"].as_array().unwrap();
    assert_eq!(lines.len(), 3);
    for line in lines {
        let share = line["of_floor"].as_f64().unwrap();
        assert!(share > 0.0 && share < 1.1, "nothing is faster than its floor: {line}");
        assert!(line["per_s"].as_f64().unwrap() > 0.0);
    }
}
