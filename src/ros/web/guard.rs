//! Who may ask: browsers that show this very page, under a name of this machine.
//!
//! `Origin` and `Sec-Fetch-Site` give a foreign page away that sends requests here. `Host` gives a foreign name away that was
//! made to lead here (DNS rebinding).

use crate::ros::web::sources::PageSources;
use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Lets a request through, or says why not.
pub async fn check(State(sources): State<Arc<PageSources>>, request: Request, next: Next) -> Response {
    let parameters = sources.parameters.now();
    match refusal(request.headers(), &parameters.web.address.to_string(), &parameters.web.hosts) {
        None => next.run(request).await,
        Some(why) => {
            tracing::warn!("a request for the live page was refused: {why}");
            (StatusCode::FORBIDDEN, why).into_response()
        }
    }
}

/// A name without its port.
fn name(host: &str) -> &str {
    match host.rsplit_once(':') {
        // [::1] without a port has colons, too.
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Why a request is refused; `hosts` are further names, separated by commas.
fn refusal(headers: &HeaderMap, address: &str, hosts: &str) -> Option<String> {
    let text = |header| headers.get(header).map(|value| value.to_str().unwrap_or("?"));
    let host = text(HOST).unwrap_or("");
    let own = ["localhost", "127.0.0.1", "[::1]", address];
    let named = own.into_iter().chain(hosts.split(',').map(str::trim)).filter(|own| !own.is_empty());
    if !named.into_iter().any(|own| own.eq_ignore_ascii_case(name(host))) {
        return Some(format!("host '{host}' is not this machine: add its name to web.hosts if it is"));
    }
    // Browsers send it with everything that changes something.
    if let Some(origin) = text(ORIGIN)
        && origin.strip_prefix("http://") != Some(host)
    {
        return Some(format!("origin '{origin}' is another page"));
    }
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
    match site {
        None | Some("same-origin" | "none") => None,
        Some(site) => Some(format!("the request comes from another page (sec-fetch-site: {site})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(headers: &[(&'static str, &str)], hosts: &str) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        refusal(&headers, "0.0.0.0", hosts).is_some()
    }

    #[test]
    fn foreign_names_and_pages_are_refused() {
        assert!(!refused(&[("host", "127.0.0.1:8090")], ""));
        assert!(!refused(&[("host", "LOCALHOST")], ""));
        assert!(!refused(
            &[("host", "[::1]:8090"), ("origin", "http://[::1]:8090"), ("sec-fetch-site", "same-origin")],
            ""
        ));
        assert!(!refused(&[("host", "robot.local:8090")], "cell, robot.local"));
        assert!(refused(&[("host", "robot.local:8090")], "cell"));
        assert!(refused(&[("host", "evil.example")], ""));
        assert!(refused(&[], ""));
        assert!(refused(&[("host", "127.0.0.1:8090"), ("origin", "http://evil.example")], ""));
        assert!(refused(&[("host", "127.0.0.1:8090"), ("origin", "http://127.0.0.1:9999")], ""));
        assert!(refused(&[("host", "127.0.0.1:8090"), ("origin", "null")], ""));
        assert!(refused(&[("host", "127.0.0.1:8090"), ("sec-fetch-site", "cross-site")], ""));
    }
}
