//! points.csv: correspondences of both cameras from any detector.

use anyhow::{Context, bail, ensure};
use grating_calibration::camera::{Camera, Stereo};
use grating_calibration::mapping::dataset::{CameraDataset, Correspondence};
use nalgebra::{Matrix2, Vector2, Vector3};
use std::io::Read;

const SIZE: [u32; 2] = [1280, 720];
/// Where nothing else is said, px.
const SIGMA_PX: f64 = 0.05;
/// Points closer than this along z lie at one height, mm.
const SAME_HEIGHT_MM: f64 = 1e-4;
/// Pixels that fill less of the image than this were taken with a smaller one.
const MIN_FILLED_SHARE: f64 = 0.6;

/// Which column holds what.
struct Columns {
    camera: usize,
    /// u, v, x_mm, y_mm, z_mm.
    numbers: [usize; 5],
    covariance: Option<[usize; 3]>,
    sigma: Option<usize>,
    view: Option<usize>,
}

const NUMBERS: [&str; 5] = ["u", "v", "x_mm", "y_mm", "z_mm"];
const COVARIANCE: [&str; 3] = ["suu", "suv", "svv"];

impl Columns {
    fn of(header: &csv::StringRecord) -> anyhow::Result<Self> {
        let find = |name: &str| header.iter().position(|column| column == name);
        let need = |name: &str| {
            find(name).with_context(|| {
                let found = header.iter().collect::<Vec<_>>().join(",");
                format!("the header is '{found}', the columns camera,{} are needed", NUMBERS.join(","))
            })
        };
        let [u, v, x, y, z] = NUMBERS.map(need);
        let covariance = match COVARIANCE.map(find) {
            [Some(suu), Some(suv), Some(svv)] => Some([suu, suv, svv]),
            [None, None, None] => None,
            _ => bail!("the header has some of suu,suv,svv: give all three (px²), or none"),
        };
        Ok(Columns {
            camera: need("camera")?,
            numbers: [u?, v?, x?, y?, z?],
            covariance,
            sigma: find("sigma_px"),
            view: find("view"),
        })
    }
}

/// Reads all rows. Without a column `view` all points of one height are one view.
pub fn read(file: impl Read, image_size: Option<[u32; 2]>) -> anyhow::Result<Stereo<CameraDataset>> {
    let size = image_size.unwrap_or(SIZE);
    let mut data = Stereo::from_fn(|_| CameraDataset { image_size: size, correspondences: Vec::new() });
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(file);
    let columns = Columns::of(reader.headers().context("the header")?)?;
    for (number, record) in reader.records().enumerate() {
        let record = record.with_context(|| format!("row {}", number + 1))?;
        let (camera, point) = row(&columns, &record, size).with_context(|| format!("row {}", number + 1))?;
        data[camera].correspondences.push(point);
    }
    for camera in Camera::BOTH {
        ensure!(
            !data[camera].correspondences.is_empty(),
            "no row has camera {camera}: points of both cameras are needed"
        );
    }
    let all = || data.left.correspondences.iter().chain(&data.right.correspondences);
    if image_size.is_none() {
        let reach = all().fold(Vector2::zeros(), |reach: Vector2<f64>, p| reach.sup(&p.pixel));
        let [width, height] = size.map(f64::from);
        ensure!(
            reach.x > MIN_FILLED_SHARE * width && reach.y > MIN_FILLED_SHARE * height,
            "all pixels lie within ({:.0}, {:.0}): if the images are not {width}×{height} px, give --image-size W,H; if they \
             are, give --image-size {width},{height}",
            reach.x,
            reach.y
        );
    }
    let mut heights: Vec<f64> = all().map(|p| p.point_in_tool_mm.z).collect();
    heights.sort_unstable_by(f64::total_cmp);
    heights.dedup_by(|next, kept| *next - *kept < SAME_HEIGHT_MM);
    ensure!(
        heights.len() >= 2,
        "all points have z_mm = {}: a camera is determined by points at two heights or more, five are better",
        heights.first().copied().unwrap_or(f64::NAN)
    );
    if columns.view.is_none() {
        for camera in Camera::BOTH {
            for point in &mut data[camera].correspondences {
                point.view = heights.partition_point(|z| *z <= point.point_in_tool_mm.z) as u32;
            }
        }
    }
    Ok(data)
}

fn row(columns: &Columns, record: &csv::StringRecord, size: [u32; 2]) -> anyhow::Result<(Camera, Correspondence)> {
    let text = |column: usize| record.get(column).unwrap_or("");
    let number = |column: usize, name: &str| {
        let value = text(column).parse::<f64>().ok().filter(|value| value.is_finite());
        value.with_context(|| format!("{name} is '{}', a finite number is needed", text(column)))
    };
    let camera = match text(columns.camera) {
        "left" => Camera::Left,
        "right" => Camera::Right,
        other => bail!("camera is '{other}', left or right is needed"),
    };
    let mut values = [0.0; 5];
    for ((value, column), name) in values.iter_mut().zip(columns.numbers).zip(NUMBERS) {
        *value = number(column, name)?;
    }
    let [u, v, x, y, z] = values;
    for (name, value, size) in [("u", u, size[0]), ("v", v, size[1])] {
        let range = -0.5..=f64::from(size) - 0.5;
        ensure!(
            range.contains(&value),
            "{name} is {value} px, outside an image of {size} px: give the right --image-size W,H"
        );
    }
    let pixel_covariance_px2 = match (columns.covariance, columns.sigma) {
        (Some([suu, suv, svv]), _) => {
            let [suu, suv, svv] = [number(suu, "suu")?, number(suv, "suv")?, number(svv, "svv")?];
            ensure!(
                suu > 0.0 && svv > 0.0 && suv * suv < suu * svv,
                "suu, suv, svv are {suu}, {suv}, {svv}, which is no covariance: suu and svv are variances above 0 (px²), suv² \
                 is less than their product"
            );
            Matrix2::new(suu, suv, suv, svv)
        }
        (None, Some(sigma)) => {
            let sigma = number(sigma, "sigma_px")?;
            ensure!(sigma > 0.0, "sigma_px is {sigma}, it must be above 0");
            Matrix2::identity() * (sigma * sigma)
        }
        (None, None) => Matrix2::identity() * (SIGMA_PX * SIGMA_PX),
    };
    let view = match columns.view {
        Some(view) => text(view).parse().ok().with_context(|| {
            format!("view is '{}', a whole number is needed; leave the column out if there are none", text(view))
        })?,
        None => 0,
    };
    let point_in_tool_mm = Vector3::new(x, y, z);
    Ok((camera, Correspondence { pixel: Vector2::new(u, v), pixel_covariance_px2, point_in_tool_mm, view }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "camera,u,v,x_mm,y_mm,z_mm\nleft,1000,600,1,2,0\nright,600,400,1,2,-1\nleft,3,4,1,2,-1\n";

    #[test]
    fn heights_tell_views_apart_where_no_column_does() {
        let data = read(GOOD.as_bytes(), None).unwrap();
        let views = |camera: Camera| data[camera].correspondences.iter().map(|p| p.view).collect::<Vec<_>>();
        assert_eq!(views(Camera::Left), [2, 1]);
        assert_eq!(views(Camera::Right), [1]);
        let numbered = "z_mm,y_mm,x_mm,v,u,camera,suu,suv,svv,view\n0,2,1,5,6,left,0.01,0.002,0.02,7\n\
                        1,2,1,700,1200,right,0.01,-0.002,0.02,9\n";
        let data = read(numbered.as_bytes(), None).unwrap();
        let point = data.left.correspondences[0];
        assert_eq!((point.view, point.pixel), (7, Vector2::new(6.0, 5.0)));
        assert_eq!(point.pixel_covariance_px2, Matrix2::new(0.01, 0.002, 0.002, 0.02));
    }

    #[test]
    fn mistakes_are_named_with_row_value_and_remedy() {
        let message = |text: &str| format!("{:#}", read(text.as_bytes(), None).unwrap_err());
        let refused = |from: &str, to: &str, says: &[&str]| {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            let message = message(&text);
            says.iter().for_each(|word| assert!(message.contains(word), "{message}"));
        };
        refused("u,v", "u,w", &["camera,u,w", "camera,u,v"]);
        refused("right,600", "middle,600", &["row 2", "'middle'", "left or right"]);
        refused("right,600", "left,600", &["camera right"]);
        refused("600,400,1", "600,400,one", &["row 2", "x_mm", "'one'"]);
        refused("600,400", "nan,500", &["row 2", "u is 'nan'"]);
        refused("600,400", "1900,400", &["row 2", "1900", "--image-size"]);
        refused("1000,600", "500,300", &["(600, 400)", "--image-size"]);
        refused("2,-1", "2,0", &["z_mm = 0", "two heights"]);
        let with = |column: &str, value: &str| {
            let (header, rows) = GOOD.split_once('\n').unwrap();
            let rows: Vec<String> = rows.lines().map(|row| format!("{row},{value}")).collect();
            message(&format!("{header},{column}\n{}\n", rows.join("\n")))
        };
        assert!(with("suu,suv,svv", "0.01,0.02,0.01").contains("no covariance"));
        assert!(with("suu,svv", "0.01,0.01").contains("all three"));
        assert!(with("sigma_px", "-1").contains("sigma_px is -1"));
        assert!(with("view", "first").contains("'first'"));
    }
}
