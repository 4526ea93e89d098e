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
    arguments.extend(["--out", "c.yaml", "--report", "r.html", "--json", "--every-model", "models"]);
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
    assert!(complaint(&["simulate", "--out", "s", "--chessboard", "22x12"]).contains("22x12x1.1"));
    assert!(complaint(&["simulate", "--out", "s", "--chessboard", "1x12x1.1"]).contains("grid.target.squares"));
}
