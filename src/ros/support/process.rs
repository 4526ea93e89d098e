//! What both node processes do: memory, logging, runtime, spinning, stopping.

use crate::ros::locked;
use crate::ros::support::graph::Question;
use r2r::rcl_interfaces::msg::Log;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Arenas of glibc's allocator. It would make eight for each core, each with its own leftovers of images and messages, and
/// what threads come and go leave in them grows for hours.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 2;

/// Longest time for answers that are being sent when the node ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Keeps memory flat; before any other thread exists. Rust and the C libraries of ROS share this allocator.
fn limit_arenas() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two integers; nothing else runs in this process yet.
    unsafe {
        // It can fail for unknown options only.
        libc::mallopt(libc::M_ARENA_MAX, ARENAS);
    }
}

/// Gives what has been freed back to the system: glibc keeps whole arenas for a piece in use at their end.
pub fn return_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes a number and touches free memory only.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Sets up memory and logging and runs `serve` on a new tokio runtime. What it gives, a node or nodes say, goes after all tasks:
/// their publishers are good for as long as they run.
///
/// # Errors
/// Those of `serve`, or that no runtime can be started.
pub fn run<T>(serve: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<()> {
    use tracing_subscriber::prelude::*;
    limit_arenas();
    // r2r's own complaints (a dropped call, say) come by way of the `log` crate.
    // rcutils writes to stderr, without colours where that is no terminal.
    tracing_subscriber::registry()
        // Which of them are shown is ROS's business: --ros-args --log-level calibration_node:=debug.
        .with(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "info,grating_calibration=debug".into()),
        )
        .with(RosLog)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve);
    runtime.shutdown_timeout(LAST_WORDS);
    served.map(drop)
}

/// Hands log lines to ROS. Before the first node exists they reach stderr only.
struct RosLog;

/// Whose lines they are.
static LOGGER: OnceLock<Logger> = OnceLock::new();

struct Logger {
    name: String,
    /// None where rcl itself publishes the node's lines.
    rosout: Option<Mutex<r2r::Publisher<Log>>>,
}

/// From now on log lines are those of `node`, on /rosout, too.
///
/// # Errors
/// When the publisher can't be made.
pub fn log_as(node: &mut r2r::Node) -> r2r::Result<()> {
    // Up to Humble every node of rcl publishes its log; since then the client library has to, and r2r does not.
    let own = node.name()?;
    let by_rcl = node.get_publishers_info_by_topic("/rosout", false)?.iter().any(|end| end.node_name == own);
    let qos = r2r::QosProfile::default().keep_last(1000).reliable().transient_local().lifespan(Duration::from_secs(10));
    let rosout = if by_rcl { None } else { Some(Mutex::new(node.create_publisher("/rosout", qos)?)) };
    // A second node in the process would be a mistake of the program; the first one keeps the log.
    let _ = LOGGER.set(Logger { name: node.logger().to_string(), rosout });
    Ok(())
}

impl Logger {
    fn publish(&self, text: &str, metadata: &tracing::Metadata<'_>) {
        let Some(rosout) = &self.rosout else { return };
        let level = match *metadata.level() {
            tracing::Level::ERROR => Log::ERROR as u8,
            tracing::Level::WARN => Log::WARN as u8,
            tracing::Level::INFO => Log::INFO as u8,
            // What stderr shows of them is up to --log-level, which r2r does not tell.
            tracing::Level::DEBUG | tracing::Level::TRACE => return,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = Log {
            stamp: crate::ros::time(now.as_nanos() as i64),
            level,
            name: self.name.clone(),
            msg: text.into(),
            file: metadata.file().unwrap_or("").into(),
            line: metadata.line().unwrap_or(0),
            ..Log::default()
        };
        // It has been on stderr already; logging the failure would come here again.
        let _ = locked(rosout).publish(&line);
    }
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
        let logger = LOGGER.get().map_or("grating_calibration", |logger| logger.name.as_str());
        r2r::log(&text, logger, metadata.file().unwrap_or(""), metadata.line().unwrap_or(0), severity);
        if let Some(logger) = LOGGER.get() {
            logger.publish(&text, metadata);
        }
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
    thread: JoinHandle<r2r::Node>,
}

impl Spinner {
    /// Spins `node` until [`Self::stop`] and answers questions about it in between.
    pub fn start(mut node: r2r::Node, questions: mpsc::Receiver<Question>) -> Self {
        let spinning = Arc::new(AtomicBool::new(true));
        let thread = std::thread::spawn({
            let spinning = spinning.clone();
            move || {
                while spinning.load(Ordering::Acquire) {
                    node.spin_once(Duration::from_millis(5));
                    questions.try_iter().for_each(|ask| ask(&node));
                }
                node
            }
        });
        Spinner { spinning, thread }
    }

    /// Gives the node back; its publishers live as long as it does.
    ///
    /// # Errors
    /// When the thread has panicked.
    pub fn stop(self) -> anyhow::Result<r2r::Node> {
        self.spinning.store(false, Ordering::Release);
        self.thread.join().map_err(|_| anyhow::anyhow!("the thread that spins the node has panicked: see above"))
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
