//! Asks `pixel_to_world` again and again and says how long the answers take; `scripts/bench/latency.py` runs it.
//!
//! ```sh
//! cargo run --release --features ros --example pixel_to_world_client -- time 10000 20    # pairs per call, seconds
//! cargo run --release --features ros --example pixel_to_world_client -- storm 1000       # calls per second, until stdin ends
//! cargo run --release --features ros --example pixel_to_world_client -- echo             # serves `echo` until stdin ends
//! cargo run --release --features ros --example pixel_to_world_client -- time 10000 20 echo
//! ```
//! `echo` answers with points that it has ready: what DDS and r2r's conversions alone take.

use anyhow::{Context, bail};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use r2r::grating_calibration::msg::{Pixel, PointEstimate};
use r2r::grating_calibration::srv::PixelToWorld::{Request, Response, Service};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest wait for one answer; the first ones to a client that has only just been found may be lost
/// (docs/ros_interface.md).
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Calls of a storm that are under way at a time: as many as the node keeps waiting.
const MAX_WAITING: usize = 8;
/// Between two calls that are timed: so that they meet all stages of a sweep.
const PAUSE: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).take_while(|argument| argument != "--ros-args").collect();
    let mut node = r2r::Node::create(r2r::Context::create()?, "pixel_to_world_client", "")?;
    let running = Arc::new(AtomicBool::new(true));
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["echo"] => {
            let requests = node.create_service::<Service>("echo", r2r::QosProfile::default())?;
            tokio::spawn(echo(requests));
            let spinning = spin(node, running.clone());
            until_stdin_ends().await?;
            stop(&running, spinning)
        }
        ["time", pairs, seconds] => time(node, running, "pixel_to_world", pairs.parse()?, seconds.parse()?).await,
        ["time", pairs, seconds, name] => time(node, running, name, pairs.parse()?, seconds.parse()?).await,
        ["storm", rate] => storm(node, running, rate.parse()?).await,
        _ => bail!("use: time PAIRS SECONDS [SERVICE] | storm CALLS_PER_SECOND | echo"),
    }
}

fn spin(mut node: r2r::Node, running: Arc<AtomicBool>) -> Spinning {
    std::thread::spawn(move || {
        while running.load(Ordering::Acquire) {
            node.spin_once(Duration::from_millis(5));
        }
    })
}

fn stop(running: &AtomicBool, spinning: Spinning) -> anyhow::Result<()> {
    running.store(false, Ordering::Release);
    spinning.join().map_err(|_| anyhow::anyhow!("the spin thread panicked"))
}

async fn until_stdin_ends() -> anyhow::Result<()> {
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

async fn echo(mut requests: impl futures::Stream<Item = r2r::ServiceRequest<Service>> + Unpin) {
    let mut ready = Response::default();
    while let Some(request) = requests.next().await {
        ready
            .answers
            .resize(request.message.left.len(), PointEstimate { covariance: vec![1.0; 9], ..Default::default() });
        if let Err(error) = request.respond(ready.clone()) {
            eprintln!("echo: {error}");
        }
    }
}

/// So many pairs, all of a point near the middle of 1280×720 px.
fn request(pairs: usize) -> Request {
    let all = |u, v| vec![Pixel { u, v }; pairs];
    Request { camera: "stereo".into(), left: all(640.0, 360.0), right: all(632.0, 364.0), ..Request::default() }
}

type Client = r2r::Client<Service>;
type Spinning = std::thread::JoinHandle<()>;

/// A client of a spinning node, once the service has been found.
async fn connect(mut node: r2r::Node, running: Arc<AtomicBool>, name: &str) -> anyhow::Result<(Client, Spinning)> {
    let client = node.create_client::<Service>(name, r2r::QosProfile::default())?;
    let available = r2r::Node::is_available(&client)?;
    let spinning = spin(node, running);
    tokio::time::timeout(MAX_WAIT, available).await.context("no such service")??;
    Ok((client, spinning))
}

async fn ask(client: &Client, request: &Request) -> anyhow::Result<Response> {
    for _ in 0..4 {
        if let Ok(answer) = tokio::time::timeout(MAX_WAIT, client.request(request)?).await {
            return Ok(answer?);
        }
    }
    bail!("no answer within {MAX_WAIT:?}, four times")
}

/// Prints the times of all calls, ms, as a list.
async fn time(node: r2r::Node, running: Arc<AtomicBool>, name: &str, pairs: usize, seconds: f64) -> anyhow::Result<()> {
    let (client, spinning) = connect(node, running.clone(), name).await?;
    let request = request(pairs);
    ask(&client, &request).await?;
    let (end, mut times_ms) = (Instant::now() + Duration::from_secs_f64(seconds), Vec::new());
    while Instant::now() < end {
        tokio::time::sleep(PAUSE).await;
        let begun = Instant::now();
        let answer = ask(&client, &request).await?;
        times_ms.push(format!("{:.4}", 1e3 * begun.elapsed().as_secs_f64()));
        if answer.answers.len() != pairs {
            bail!("{} answers to {pairs} pairs", answer.answers.len());
        }
    }
    println!("[{}]", times_ms.join(", "));
    stop(&running, spinning)
}

/// Prints how many calls were made and answered, and for how many seconds.
async fn storm(node: r2r::Node, running: Arc<AtomicBool>, rate_hz: f64) -> anyhow::Result<()> {
    let (client, spinning) = connect(node, running.clone(), "pixel_to_world").await?;
    let request = request(1);
    ask(&client, &request).await?;
    println!("calling");
    let ended = tokio::spawn(until_stdin_ends());
    let (begun, mut called, mut answered, mut waiting) = (Instant::now(), 0_u64, 0_u64, FuturesUnordered::new());
    while !ended.is_finished() {
        let due = (begun.elapsed().as_secs_f64() * rate_hz) as u64;
        while called < due && waiting.len() < MAX_WAITING {
            waiting.push(tokio::time::timeout(MAX_WAIT, client.request(&request)?));
            called += 1;
        }
        tokio::select! {
            Some(answer) = waiting.next(), if !waiting.is_empty() => answered += u64::from(matches!(answer, Ok(Ok(_)))),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    while let Some(answer) = waiting.next().await {
        answered += u64::from(matches!(answer, Ok(Ok(_))));
    }
    println!("{called} {answered} {seconds:.3}");
    stop(&running, spinning)
}
