//! The live page: progress, both pictures, residuals, models, clicks, start and cancel; on this machine only, by default.
//!
//! | file | holds |
//! | --- | --- |
//! | [`guard`] | who may ask: no foreign page, no foreign name |
//! | [`state`] | what the page shows, as JSON |
//! | [`pictures`] | the cameras' pictures as JPEG |
//! | [`orders`] | what the page may ask for |
//! | `page.html` | the page itself, in one file |

pub mod guard;
pub mod orders;
pub mod pictures;
pub mod state;

use crate::parameters::nodes::people::WebParameters;
use crate::ros::node::shared::Shared;
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
/// Longest request that anybody needs.
const BODY_BYTES: usize = 16 * 1024;

/// Serves the page from now on, if the parameter web.enabled says so. Without it the node does all else.
pub async fn start(shared: &Arc<Shared>) {
    let WebParameters { enabled, address: ip, port, .. } = shared.parameters.now().web;
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
            "the live page is open to everybody who reaches {ip}:{port}: without a password, they may see the pictures, and \
             while move_to.armed is true move the robot"
        );
    }
    let place = listener.local_addr().unwrap_or(SocketAddr::new(ip, port));
    tracing::info!("live page: http://{place}/");
    let router = router(shared.clone());
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the live page ended: {error}");
        }
    });
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/api/state", get(state::now))
        .route("/api/events", get(state::events))
        .route("/picture/{camera}", get(pictures::picture))
        .route("/points.csv", get(orders::points))
        .route("/api/calibrate", post(orders::calibrate))
        .route("/api/cancel", post(orders::cancel))
        .route("/api/click", post(orders::click))
        .route("/api/move", post(orders::move_to))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(axum::middleware::from_fn_with_state(shared.clone(), guard::check))
        .with_state(shared)
}

async fn page() -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store")];
    (headers, PAGE)
}
