//! The cameras' images as JPEG, each as soon as there is a newer one.

use crate::GrayImage;
use crate::camera::Camera;
use crate::ros::support::work;
use crate::ros::web::sources::PageSources;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage as Gray8, Luma};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// Of the JPEG, 0 … 100: lines one pixel wide must not blur.
const QUALITY: u8 = 90;
/// Longest wait for a newer image.
const IMAGE_TIMEOUT: Duration = Duration::from_secs(8);

/// Which image.
#[derive(Deserialize)]
pub struct ImageRequest {
    /// Stamp of the one that the page has; 0: none.
    #[serde(default)]
    after: i64,
    /// With the grid drawn over it.
    #[serde(default)]
    grid: u8,
}

/// `/image/left?after=STAMP&grid=1`; no content when no newer image comes.
pub async fn image(
    State(sources): State<Arc<PageSources>>,
    Path(camera): Path<String>,
    Query(wanted): Query<ImageRequest>,
) -> Response {
    let Some(camera) = Camera::BOTH.into_iter().find(|side| side.to_string() == camera) else {
        return (StatusCode::NOT_FOUND, "the cameras are left and right").into_response();
    };
    let found = match wanted.grid {
        0 => tokio::time::timeout(IMAGE_TIMEOUT, raw(&sources, camera, wanted.after)).await,
        _ => tokio::time::timeout(IMAGE_TIMEOUT, drawn(&sources, camera, wanted.after)).await,
    };
    let Ok(Some((stamp_ns, found))) = found else { return StatusCode::NO_CONTENT.into_response() };
    let encoded = work::in_background(move || {
        let mut bytes = Vec::new();
        found.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)).map(|()| bytes)
    });
    match encoded.await {
        Ok(Ok(bytes)) => {
            let headers = [(CONTENT_TYPE, "image/jpeg".to_string()), (CACHE_CONTROL, "no-store".into())];
            (headers, [("x-stamp-ns", stamp_ns.to_string())], bytes).into_response()
        }
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn raw(sources: &PageSources, camera: Camera, after: i64) -> Option<(i64, DynamicImage)> {
    let mut pairs = sources.cameras.pairs();
    let newer = pairs.wait_for(|pair| pair.as_ref().is_some_and(|pair| pair[camera].stamp_ns != after)).await;
    let pair = newer.ok()?.clone()?;
    Some((pair[camera].stamp_ns, DynamicImage::ImageLuma8(eight_bits(&pair[camera].to_gray()))))
}

async fn drawn(sources: &PageSources, camera: Camera, after: i64) -> Option<(i64, DynamicImage)> {
    // For as long as this receiver lives, overlays are drawn.
    let mut overlays = sources.overlays[camera].subscribe();
    let newer = overlays.wait_for(|drawn| drawn.as_ref().is_some_and(|drawn| drawn.stamp_ns != after)).await;
    let drawn = newer.ok()?.clone()?;
    Some((drawn.stamp_ns, DynamicImage::ImageRgb8(drawn.image.clone())))
}

fn eight_bits(image: &GrayImage) -> Gray8 {
    Gray8::from_fn(image.width(), image.height(), |u, v| {
        Luma([(255.0 * image.get_pixel(u, v).0[0].clamp(0.0, 1.0)) as u8])
    })
}
