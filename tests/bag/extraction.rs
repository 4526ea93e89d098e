//! Recorded sweeps: bags of this test's own and of an independent writer give what the folder gives; damage is named.

use crate::common::cell::Cell;
use crate::common::skip::skipped;
use grating_calibration::bag::error::BagError;
use grating_calibration::bag::extract::{BagSettings, Extracted, extract};
use grating_calibration::bag::poses::PoseSource;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::folder::pairs;
use grating_calibration::mapping::calibration::Calibration;
use grating_calibration::sweep::motion::settle::SettleSettings;
use nalgebra::Vector3;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const HEIGHTS: u32 = 7;
const STEP_MM: f64 = 0.5;
const BEGIN_NS: i64 = 1_700_000_000_000_000_000;
/// A height takes 0.8 s: 0.2 s on the way, then at rest.
const HEIGHT_NS: i64 = 800_000_000;
const WAY_NS: i64 = 200_000_000;
const TOPICS: Stereo<&str> = Stereo { left: "/left/image_raw", right: "/right/image_raw" };

enum Body {
    Pose([f64; 3]),
    Image(Camera, Vec<u8>),
}

struct Item {
    stamp_ns: i64,
    body: Body,
}

struct Recording {
    cell: Cell,
    items: Vec<Item>,
    /// What belongs to each height, and when it was taken.
    chosen: Vec<Stereo<Vec<u8>>>,
}

/// A sweep as it would be recorded: on the way, stale (the left camera repeats itself after each move), then at rest.
fn recording() -> &'static Recording {
    static RECORDING: OnceLock<Recording> = OnceLock::new();
    RECORDING.get_or_init(|| {
        let cell = Cell::small();
        let height_mm = |t_ns: i64| {
            let (step, since) = (t_ns / HEIGHT_NS, t_ns % HEIGHT_NS);
            let way = (since as f64 / WAY_NS as f64).min(1.0);
            if step == 0 { 0.0 } else { STEP_MM * (step as f64 - 1.0 + way) }
        };
        let mut items = Vec::new();
        for i in 0..i64::from(HEIGHTS) * HEIGHT_NS / 10_000_000 {
            let t_ns = i * 10_000_000;
            // Half a micrometre of noise.
            let noise = |k: i64| 5e-7 * (((i + k) * 7919 % 97) as f64 / 48.0 - 1.0);
            let place = [noise(0), noise(31), 0.25 + 1e-3 * height_mm(t_ns) + noise(57)];
            items.push(Item { stamp_ns: BEGIN_NS + t_ns, body: Body::Pose(place) });
        }
        let mut chosen: Vec<Stereo<Vec<u8>>> = Vec::new();
        for step in 0..i64::from(HEIGHTS) {
            for (frame, after_ms) in [(0, 100), (1, 300), (2, 400), (3, 500), (4, 600)] {
                let t_ns = step * HEIGHT_NS + after_ms * 1_000_000;
                let seed = (5 * step + frame) as u64;
                let mut pair = Stereo::from_fn(|camera| cell.counts(camera, Vector3::z() * height_mm(t_ns), seed));
                if frame == 1 && step > 0 {
                    pair.left = chosen[step as usize - 1].left.clone();
                }
                // The first place was never left, so its second image tells that it stands still.
                if frame == if step == 0 { 1 } else { 3 } {
                    chosen.push(pair.clone());
                }
                for camera in Camera::BOTH {
                    let stamp_ns = BEGIN_NS + t_ns + 1_000_000 * i64::from(camera == Camera::Right);
                    items.push(Item { stamp_ns, body: Body::Image(camera, pair[camera].clone()) });
                }
            }
        }
        // Images are recorded a quarter of a second late.
        items.sort_by_key(|item| item.stamp_ns + 250_000_000 * i64::from(matches!(item.body, Body::Image(..))));
        Recording { cell, items, chosen }
    })
}

/// Little-endian CDR.
struct Cdr(Vec<u8>);

impl Cdr {
    fn header(stamp_ns: i64, frame: &str) -> Self {
        Cdr(Vec::new()).u32((stamp_ns / 1_000_000_000) as u32).u32((stamp_ns % 1_000_000_000) as u32).text(frame)
    }

    fn align(mut self, size: usize) -> Self {
        self.0.resize(self.0.len().next_multiple_of(size), 0);
        self
    }

    fn u32(self, value: u32) -> Self {
        let mut cdr = self.align(4);
        cdr.0.extend(value.to_le_bytes());
        cdr
    }

    fn f64(self, value: f64) -> Self {
        let mut cdr = self.align(8);
        cdr.0.extend(value.to_le_bytes());
        cdr
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        let mut cdr = self.u32(bytes.len() as u32);
        cdr.0.extend(bytes);
        cdr
    }

    fn text(self, text: &str) -> Self {
        self.bytes(&[text.as_bytes(), b"\0"].concat())
    }

    fn message(self) -> Vec<u8> {
        [&[0, 1, 0, 0][..], &self.0].concat()
    }
}

fn message(item: &Item) -> (&'static str, &'static str, Vec<u8>) {
    match &item.body {
        Body::Pose(place) => {
            let cdr = Cdr::header(item.stamp_ns, "base_link");
            let cdr = place.iter().chain(&[0.0, 0.0, 0.0, 1.0]).fold(cdr, |cdr, x| cdr.f64(*x));
            ("/robot/pose", "geometry_msgs/msg/PoseStamped", cdr.message())
        }
        Body::Image(camera, pixels) => {
            let cdr = Cdr::header(item.stamp_ns, "camera").u32(360).u32(640).text("mono8");
            // Not big-endian, then rows of 640 bytes.
            let mut cdr = cdr;
            cdr.0.push(0);
            (TOPICS[*camera], "sensor_msgs/msg/Image", cdr.u32(640).bytes(pixels).message())
        }
    }
}

/// All messages, each changed by `change`, as .mcap with Zstandard chunks.
fn write_mcap(path: &Path, change: impl Fn(&'static str, Vec<u8>) -> Option<Vec<u8>>) {
    let changed = recording().items.iter().filter_map(|item| {
        let (topic, kind, data) = message(item);
        Some((item.stamp_ns, topic, kind, change(topic, data)?))
    });
    write_messages(path, changed);
}

/// Messages with their stamps, topics and types.
fn write_messages(path: &Path, messages: impl Iterator<Item = (i64, &'static str, &'static str, Vec<u8>)>) {
    let mut writer = mcap::Writer::new(std::fs::File::create(path).unwrap()).unwrap();
    let mut channels = BTreeMap::new();
    for (stamp_ns, topic, kind, data) in messages {
        let channel_id = *channels.entry(topic).or_insert_with(|| {
            let schema = writer.add_schema(kind, "ros2msg", b"").unwrap();
            writer.add_channel(schema, topic, "cdr", &BTreeMap::new()).unwrap()
        });
        let time = stamp_ns as u64;
        let header = mcap::records::MessageHeader { channel_id, sequence: 0, log_time: time, publish_time: time };
        writer.write_to_known_channel(&header, &data).unwrap();
    }
    writer.finish().unwrap();
}

fn settings() -> BagSettings {
    BagSettings {
        images: Stereo { left: TOPICS.left.into(), right: TOPICS.right.into() },
        pose: PoseSource::Topic("/robot/pose".into()),
        sync_tolerance_ns: 5_000_000,
        settle: SettleSettings { window_s: 0.15, tolerance_mm: 0.006, reach_mm: f64::INFINITY },
        image_tolerance_px: 0.15,
        from_s: 0.0,
        to_s: f64::INFINITY,
    }
}

/// One pair a height, the right one, where the tool was.
fn check(extracted: &Extracted, folder: &Path) {
    assert_eq!((extracted.pairs, extracted.skipped.as_slice()), (HEIGHTS as usize, &[][..]));
    // The stale image of every height but the first.
    assert_eq!(extracted.retaken, HEIGHTS - 1);
    let pairs = pairs::list(&folder.join("left"), &folder.join("right"), &folder.join("poses.csv")).unwrap();
    for (step, (pair, chosen)) in pairs.iter().zip(&recording().chosen).enumerate() {
        for (path, pixels) in [(&pair.images.left, &chosen.left), (&pair.images.right, &chosen.right)] {
            assert!(image::open(path).unwrap().into_luma8().as_raw() == pixels, "{}", path.display());
        }
        let miss = Vector3::new(pair.pose.x_mm, pair.pose.y_mm, pair.pose.z_mm - 250.0 - STEP_MM * step as f64);
        assert!(miss.norm() < 5e-4, "{miss} at {step}");
    }
}

#[test]
fn a_bag_gives_what_the_folder_gives() {
    let folder = tempfile::tempdir().unwrap();
    write_mcap(&folder.path().join("sweep.mcap"), |_, data| Some(data));
    let origin = recording().cell.origin_px().map(|px| format!("{},{}", px.x, px.y));
    let calibrate = |source: &[&str], out: &str| {
        let done = Command::new(env!("CARGO_BIN_EXE_gratingcal"))
            .current_dir(folder.path())
            .args(["calibrate", "--pitch-mm", "1.1", "--origin-left", &origin.left, "--origin-right", &origin.right])
            .args(source)
            .args(["--out", out])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stderr).unwrap()
    };
    let said = calibrate(&["--bag", "sweep.mcap", "--extract", "sweep", "--left-topic", "left/image_raw"], "bag.yaml");
    assert!(said.contains("7 stationary intervals of the tool") && !said.contains("left out"), "{said}");
    assert!(said.contains(", 6 pairs passed over"), "{said}");
    check(&Extracted { pairs: 7, skipped: Vec::new(), retaken: 6 }, &folder.path().join("sweep"));
    calibrate(&["--left", "sweep/left", "--right", "sweep/right", "--poses", "sweep/poses.csv"], "folder.yaml");
    let read = |file: &str| Calibration::load(&folder.path().join(file)).unwrap();
    let (bag, from_folder) = (read("bag.yaml"), read("folder.yaml"));
    assert!(bag.usable && bag.heights == HEIGHTS as usize);
    assert_eq!(bag.tool_rotation, Some([0.0, 0.0, 0.0, 1.0]));
    assert_eq!(Calibration { created: String::new(), ..bag }, Calibration { created: String::new(), ..from_folder });
}

/// The independent writer's Python packages; scripts/setup/rosbags.sh gets them, and scripts/test/all.sh calls it.
fn rosbags() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ros/rosbags");
    folder.join(".ready").exists().then_some(folder)
}

#[test]
fn bags_of_an_independent_writer_are_read() {
    let Some(packages) = rosbags() else {
        skipped("the PyPI package rosbags is missing: scripts/setup/rosbags.sh gets it");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut rows = String::from("topic,stamp_ns,x,y,z,width,height,offset\n");
    let (mut pixels, mut offset) = (std::fs::File::create(folder.path().join("pixels.bin")).unwrap(), 0);
    for Item { stamp_ns, body } in &recording().items {
        match body {
            Body::Pose([x, y, z]) => rows += &format!("/robot/pose,{stamp_ns},{x},{y},{z},,,\n"),
            Body::Image(camera, data) => {
                rows += &format!("{},{stamp_ns},,,,640,360,{offset}\n", TOPICS[*camera]);
                pixels.write_all(data).unwrap();
                offset += data.len();
            }
        }
    }
    std::fs::write(folder.path().join("messages.csv"), rows).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bag/write_bag.py");
    let written = Command::new("python3").env("PYTHONPATH", packages).arg(script).arg(folder.path()).output().unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    for storage in ["sqlite3", "mcap"] {
        let out = folder.path().join(format!("{storage}_out"));
        check(&extract(&folder.path().join(storage), &settings(), &out).unwrap(), &out);
        // The same from the chain base_link → flange → tool0.
        let tf = BagSettings {
            pose: PoseSource::Transforms { base: "base_link".into(), tool: "tool0".into() },
            ..settings()
        };
        let out = folder.path().join(format!("{storage}_tf"));
        check(&extract(&folder.path().join(storage), &tf, &out).unwrap(), &out);
    }
    // Half of a database, and a folder compressed as a whole.
    let database = std::fs::read_dir(folder.path().join("sqlite3")).unwrap().map(|entry| entry.unwrap().path());
    let database = database.into_iter().find(|path| path.extension().is_some_and(|e| e == "db3")).unwrap();
    let bytes = std::fs::read(&database).unwrap();
    std::fs::write(&database, &bytes[..bytes.len() / 2]).unwrap();
    let error = extract(&database, &settings(), &folder.path().join("x")).unwrap_err();
    assert!(matches!(error, BagError::Sqlite { .. }), "{error}");
    let metadata = folder.path().join("mcap/metadata.yaml");
    let text = std::fs::read_to_string(&metadata).unwrap();
    std::fs::write(&metadata, text.replace("compression_mode: ''", "compression_mode: FILE")).unwrap();
    let error = extract(&folder.path().join("mcap"), &settings(), &folder.path().join("x")).unwrap_err();
    assert!(error.to_string().contains("ros2 bag convert"), "{error}");
}

#[test]
fn damage_and_mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.mcap");
    let error_with = |settings: &BagSettings| {
        extract(&path, settings, &folder.path().join("out")).expect_err("this bag can't be used").to_string()
    };
    let error = || error_with(&settings());
    let says = |error: String, words: &[&str]| words.iter().for_each(|word| assert!(error.contains(word), "{error}"));

    write_mcap(&path, |_, data| Some(data));
    let whole = std::fs::read(&path).unwrap();
    let other = BagSettings { images: Stereo { left: "/cam0".into(), ..settings().images }, ..settings() };
    says(
        error_with(&other),
        &["no messages on /cam0", "/left/image_raw (sensor_msgs/msg/Image)", "give the topic of the left images"],
    );
    let other = BagSettings { pose: PoseSource::Topic("/left/image_raw".into()), ..settings() };
    says(
        error_with(&other),
        &["/left/image_raw holds sensor_msgs/msg/Image", "PoseStamped is needed", "the topic of the poses"],
    );
    let other = BagSettings { image_tolerance_px: 1e-6, ..settings() };
    says(error_with(&other), &["the image moves by", "raise the largest image shift"]);
    let other = BagSettings { sync_tolerance_ns: 1000, ..settings() };
    says(error_with(&other), &["stamps of left and right images are 0.0010 s apart", "raise the sync tolerance"]);
    let other = BagSettings { settle: SettleSettings { tolerance_mm: 1e-5, ..settings().settle }, ..settings() };
    says(error_with(&other), &["never stands still", "0.01 µm", "raise the settle tolerance"]);
    let frames = PoseSource::Transforms { base: "base_link".into(), tool: "tool0".into() };
    let tf = BagSettings { pose: frames, ..settings() };
    says(error_with(&tf), &["no transforms on /tf", "record them", "the topic of the poses instead of frames"]);
    let few = BagSettings { to_s: 2.3, ..settings() };
    assert_eq!(extract(&path, &few, &folder.path().join("few")).unwrap().pairs, 3);

    // What gives the pose's topic conflicts with giving frames.
    write_messages(&path, [(BEGIN_NS, "/tf", "geometry_msgs/msg/PoseStamped", vec![0, 1, 0, 0])].into_iter());
    says(error_with(&tf), &["no transforms on /tf", "it has geometry_msgs/msg/PoseStamped", "instead of frames"]);

    write_mcap(&path, |topic, mut data| {
        data.truncate(if topic == "/robot/pose" { 40 } else { data.len() });
        Some(data)
    });
    says(error(), &["message 1 on /robot/pose", "the message has 40", "cut off"]);
    write_mcap(&path, |topic, mut data| {
        data.truncate(if topic == TOPICS.right { 1000 } else { data.len() });
        Some(data)
    });
    says(error(), &["message 1 on /right/image_raw", "cut off"]);
    write_mcap(&path, |topic, data| (topic != TOPICS.right).then_some(data));
    says(error(), &["no messages on /right/image_raw", "the topic of the right images"]);
    // Wherever the file ends too early, that is said; and so are bits that fell over.
    for share in [0.0, 0.001, 0.3, 0.9] {
        std::fs::write(&path, &whole[..(share * whole.len() as f64) as usize]).unwrap();
        says(error(), &["damaged or was cut off", "mcap recover"]);
    }
    let mut wrong = whole.clone();
    wrong[whole.len() / 3] ^= 0xff;
    std::fs::write(&path, wrong).unwrap();
    says(error(), &["damaged or was cut off"]);
    std::fs::write(folder.path().join("b.bag"), b"#ROSBAG V2.0").unwrap();
    let ros1 = extract(&folder.path().join("b.bag"), &settings(), folder.path()).unwrap_err();
    says(ros1.to_string(), &["b.bag is no bag", ".mcap or .db3"]);
}
