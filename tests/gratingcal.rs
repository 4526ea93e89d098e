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

    let scene = "rig: {width: 640, height: 360}\nsensor: {blur_px: 0.6}\nlens: {freeform_px: 0.25}\n\
                 cameras: {left: {turn_deg: 180}}\ngrid: {mark: {kind: pattern}}\n";
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
}
