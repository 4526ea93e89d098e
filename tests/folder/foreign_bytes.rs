//! Arbitrary bytes and numbers: an answer or a clear error; never a panic, never NaN with status OK.

use crate::common::cell::Cell;
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::folder::pairs::decode_gray;
use grating_calibration::folder::poses_csv::parse_poses;
use grating_calibration::folder::recording::journal::{self, Header, Journal, Pair};
use grating_calibration::folder::table;
use grating_calibration::mapping::calibration::Calibration;
use grating_calibration::mapping::calibration::answer::PointAnswer;
use grating_calibration::pose::tool_pose::ToolPose;
use grating_calibration::sweep::settings::CalibrationSettings;
use nalgebra::{Vector2, Vector3};
use proptest::prelude::*;
use std::path::Path;
use std::sync::LazyLock;

static CALIBRATION: LazyLock<Calibration> = LazyLock::new(|| {
    let cell = Cell::small();
    let mut session = cell.session();
    for step in 0..6_u32 {
        let height_mm = 0.5 * f64::from(step);
        session.add_pair(cell.pair_at(height_mm, step.into()).as_ref(), ToolPose::at([0.0, 0.0, height_mm])).unwrap();
    }
    session.finish().unwrap().calibration
});

static YAML: LazyLock<String> = LazyLock::new(|| CALIBRATION.to_yaml().unwrap());

/// Any number that a message or a file can hold, pixels of the image among them.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        -50.0..700.0,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(0.0),
        Just(f64::MAX),
        Just(5e-324)
    ]
}

fn pixel() -> impl Strategy<Value = Vector2<f64>> {
    (number(), number()).prop_map(|(u, v)| Vector2::new(u, v))
}

fn is_sound(answer: &PointAnswer) -> bool {
    let PointAnswer { status, estimate } = answer;
    let finite = estimate.point_mm.iter().chain(estimate.covariance_mm2.iter()).all(|x| x.is_finite());
    !status.is_answered()
        || finite && estimate.covariance_mm2.diagonal().min() >= 0.0 && estimate.epipolar_px.is_finite()
}

/// Every question that a service can ask.
fn ask(calibration: &Calibration, pixels: [Vector2<f64>; 2], others: [f64; 4]) -> Result<(), TestCaseError> {
    let [x, y, z, sigma] = others;
    let pair = calibration.noisy_pair_to_point(pixels[0], pixels[1], sigma);
    prop_assert!(is_sound(&pair), "{pair:?}");
    for camera in Camera::BOTH {
        let plane = calibration.noisy_pixel_to_plane(camera, pixels[0], z, sigma);
        prop_assert!(is_sound(&plane), "{plane:?}");
        let seen = calibration.point_to_pixel(camera, Vector3::new(x, y, z));
        let finite = seen.pixel.iter().chain(seen.covariance_px2.iter()).all(|x| x.is_finite());
        prop_assert!(!seen.status.is_answered() || finite, "{seen:?}");
    }
    Ok(())
}

/// What stands instead of a number or a word of a damaged file.
fn damage() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>().prop_map(|x| format!("{x:e}")),
        any::<i64>().prop_map(|x| x.to_string()),
        prop::sample::select(vec![
            ".nan",
            "-.inf",
            "0",
            "-1",
            "1e300",
            "1e-300",
            "[]",
            "{}",
            "~",
            "x",
            "*a",
            "&a",
            "",
            "99999999999"
        ])
        .prop_map(String::from),
    ]
}

/// `text` with some of its words replaced.
fn damaged(text: &str, edits: &[(prop::sample::Index, String)]) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let mut words: Vec<&str> = text.split_inclusive(|c: char| !is_word(c)).collect();
    for (place, by) in edits {
        let at = place.index(words.len());
        if words[at].starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            words[at] = by;
        }
    }
    words.concat()
}

fn crc_line(text: &str) -> String {
    format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_numbers_or_say_why_not(
        pixels in [pixel(), pixel()],
        others in [number(), number(), number(), number()],
    ) {
        ask(&CALIBRATION, pixels, others)?;
    }

    #[test]
    fn a_damaged_calibration_is_refused_or_answers_with_numbers(
        edits in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..4),
        u in 100.0..500.0_f64, v in 60.0..300.0_f64,
    ) {
        let text = damaged(&YAML, &edits);
        if let Ok(calibration) = Calibration::parse(text.as_bytes(), Path::new("c.yaml")) {
            ask(&calibration, [Vector2::new(u, v), Vector2::new(u - 5.0, v)], [0.1, 0.1, -1.0, 0.1])?;
        }
    }

    #[test]
    fn bytes_that_are_no_calibration_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in any::<prop::sample::Index>()) {
        prop_assert!(Calibration::parse(&bytes, Path::new("c.yaml")).is_err());
        let half = &YAML.as_bytes()[..cut.index(YAML.len() / 2)];
        prop_assert!(Calibration::parse(half, Path::new("c.yaml")).is_err());
    }

    #[test]
    fn journals_hold_what_they_say_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,80}") {
        prop_assert!(journal::parse(&bytes).is_none());
        let folder = tempfile::tempdir().unwrap();
        let header = Header { offsets_mm: vec![[0.0; 3]], settings: CalibrationSettings::by_mark(), start_mm: [0.0; 3] };
        let mut journal = Journal::create(folder.path(), &header).unwrap();
        journal.add(&Pair { index: 0, pose: ToolPose::at([0.0; 3]), crc: Stereo::default() }).unwrap();
        let whole = std::fs::read(folder.path().join(journal::JOURNAL)).unwrap();
        // Lines whose checksum is right, but that are none of ours, and then anything.
        let more = [&whole[..], crc_line(&text).as_bytes(), &bytes].concat();
        let contents = journal::parse(&more).unwrap();
        prop_assert_eq!((contents.header, contents.pairs.len(), contents.sound_bytes), (header, 1, whole.len()));
    }

    #[test]
    fn poses_are_finite_unique_and_in_order_or_refused(
        rows in prop::collection::vec((any::<u32>(), number(), number(), number()), 0..30),
        turn in prop_oneof![Just([0.5; 4]), [number(), number(), number(), number()]],
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let row = |(i, x, y, z): &(u32, f64, f64, f64)| format!("{i},{x},{y},{z}\n");
        let text = format!("index,x_mm,y_mm,z_mm\n{}", rows.iter().map(row).collect::<String>());
        if let Ok(poses) = parse_poses(text.as_bytes(), Path::new("p.csv")) {
            prop_assert_eq!(poses.len(), rows.len());
            prop_assert!(poses.iter().all(|row| row.pose.is_finite()));
        }
        let turned = text.replace('\n', &format!(",{}\n", turn.map(|q| q.to_string()).join(",")));
        let turned = turned.replacen(&turned[..turned.find('\n').unwrap()], "index,x_mm,y_mm,z_mm,qx,qy,qz,qw", 1);
        if let Ok(poses) = parse_poses(turned.as_bytes(), Path::new("p.csv")) {
            let norm = turn.map(|q| q * q).iter().sum::<f64>();
            prop_assert!((norm - 1.0).abs() < 0.01 && poses.iter().all(|row| row.pose.rotation == Some(turn)));
        }
        let _ = parse_poses(&bytes, Path::new("p.csv"));
        let _ = parse_poses(&[text.as_bytes(), &bytes].concat(), Path::new("p.csv"));
    }

    #[test]
    fn tables_of_pixels_keep_their_rows(cells in prop::collection::vec(("[^,\"\\r\\n#]{1,8}", number()), 1..30), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text: String = cells.iter().map(|(text, number)| format!("{number},{text}\n")).collect();
        let rows = table::read_columns(format!("u,v\n{text}").as_bytes(), &["v", "u"]).unwrap();
        prop_assert_eq!(rows.len(), cells.len());
        prop_assert!(rows.iter().all(|row| row.len() == 2));
        let _ = table::read_columns(&bytes, &["u", "v"]);
        let _ = table::read_columns(&[b"u,v\n", &bytes[..]].concat(), &["u", "v"]);
    }

    #[test]
    fn image_files_are_images_or_refused(
        place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        magic in prop::sample::select(vec![&b"\x89PNG\r\n\x1a\n"[..], b"BM", b"P5 ", b"II*\0", b"\xff\xd8\xff", b""]),
    ) {
        let _ = decode_gray(&[magic, &bytes].concat());
        let mut png = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut png);
        image::ImageEncoder::write_image(encoder, &[7; 12], 4, 3, image::ExtendedColorType::L8).unwrap();
        let at = place.index(png.len());
        png[at] = byte;
        if let Ok(image) = decode_gray(&png) {
            prop_assert_eq!(image.as_raw().len(), (image.width() * image.height()) as usize);
        }
        let _ = decode_gray(&png[..cut.index(png.len())]);
    }
}
