//! What both node processes do: logging, runtime, spinning, stopping.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Sets up logging and runs `serve` on a new tokio runtime.
///
/// # Errors
/// Those of `serve`, or that no runtime can be started.
pub fn run(serve: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve)
}

/// A thread that spins a node and does nothing else.
pub struct Spinner {
    spinning: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Spinner {
    /// Spins `node` until [`Self::stop`]; its publishers live as long.
    pub fn start(mut node: r2r::Node) -> Self {
        let spinning = Arc::new(AtomicBool::new(true));
        let thread = std::thread::spawn({
            let spinning = spinning.clone();
            move || {
                while spinning.load(Ordering::Acquire) {
                    node.spin_once(Duration::from_millis(5));
                }
            }
        });
        Spinner { spinning, thread }
    }

    pub fn stop(self) {
        self.spinning.store(false, Ordering::Release);
        // A spin thread that panicked has said so already.
        let _ = self.thread.join();
    }
}

/// SIGINT or SIGTERM, as `ros2 launch` sends them.
pub async fn wait_for_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
