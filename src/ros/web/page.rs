//! Serves the page.

use crate::parameters::nodes::people::WebParameters;
use crate::ros::web::sources::PageSources;
use crate::ros::web::{camera_images, guard, orders, state};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use std::net::SocketAddr;
use std::sync::Arc;

const PAGE: &str = include_str!("page.html");
const POLICY: &str = "default-src 'none'; img-src 'self' data: blob:; connect-src 'self'; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// Longest request that anybody needs, bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// Serves the page from now on, if the parameter web.enabled says so. Without it the node does all else.
pub async fn start(sources: PageSources) {
    let WebParameters { enabled, address: ip, port, .. } = sources.parameters.now().web.clone();
    if !enabled {
        return;
    }
    let listener = match tokio::net::TcpListener::bind(SocketAddr::new(ip, port)).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!("the live page can't be served on {ip}:{port}: {error}; choose another web.port");
            return;
        }
    };
    if !ip.is_loopback() {
        tracing::warn!(
            "the live page is open to everybody who reaches {ip}:{port}: without a password, they may see the images, and \
             while move_to.armed is true move the robot"
        );
    }
    let bound = listener.local_addr().unwrap_or(SocketAddr::new(ip, port));
    tracing::info!("live page: http://{bound}/");
    let router = router(Arc::new(sources));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the live page ended: {error}");
        }
    });
}

fn router(sources: Arc<PageSources>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/api/state", get(state::now))
        .route("/api/events", get(state::events))
        .route("/image/{camera}", get(camera_images::image))
        .route("/points.csv", get(orders::points))
        .route("/api/calibrate", post(orders::calibrate))
        .route("/api/cancel", post(orders::cancel))
        .route("/api/click", post(orders::click))
        .route("/api/move", post(orders::move_to))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(axum::middleware::from_fn_with_state(sources.clone(), guard::check))
        .with_state(sources)
}

async fn page() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")];
    (headers, PAGE)
}
