//! What both node processes do: logging, runtime, spinning, stopping.

use crate::ros::graph::Question;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Sets up logging and runs `serve` on a new tokio runtime.
///
/// # Errors
/// Those of `serve`, or that no runtime can be started.
pub fn run(serve: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    use tracing_subscriber::prelude::*;
    // r2r's own complaints (a dropped call, say) come by way of the `log` crate.
    // rcutils writes to stderr, without colours where that is no terminal; r2r does not turn /rosout on.
    tracing_subscriber::registry()
        .with(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with(RosLog)
        .init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve)
}

/// Hands log lines to ROS. Before the first node exists they reach stderr only.
struct RosLog;

/// Name of the node that the lines come from.
static LOGGER: OnceLock<String> = OnceLock::new();

/// From now on log lines are those of `node`.
pub fn log_as(node: &r2r::Node) {
    // A second node in the process would be a mistake of the program; the first one keeps the log.
    let _ = LOGGER.set(node.logger().to_string());
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for RosLog {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let metadata = event.metadata();
        let severity = match *metadata.level() {
            tracing::Level::ERROR => r2r::LogSeverity::Error,
            tracing::Level::WARN => r2r::LogSeverity::Warn,
            tracing::Level::INFO => r2r::LogSeverity::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => r2r::LogSeverity::Debug,
        };
        // C strings end at a zero byte; r2r would panic on one.
        let text = text.0.replace('\0', "\u{fffd}");
        let logger = LOGGER.get().map_or("grating_calibration", String::as_str);
        r2r::log(&text, logger, metadata.file().unwrap_or(""), metadata.line().unwrap_or(0), severity);
    }
}

/// The message of an event, then its fields.
struct Text(String);

impl tracing::field::Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write;
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// A thread that spins a node and does nothing else.
pub struct Spinner {
    spinning: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Spinner {
    /// Spins `node` until [`Self::stop`] and answers questions about it in between; its publishers live as long.
    pub fn start(mut node: r2r::Node, questions: mpsc::Receiver<Question>) -> Self {
        let spinning = Arc::new(AtomicBool::new(true));
        let thread = std::thread::spawn({
            let spinning = spinning.clone();
            move || {
                while spinning.load(Ordering::Acquire) {
                    node.spin_once(Duration::from_millis(5));
                    questions.try_iter().for_each(|ask| ask(&node));
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
