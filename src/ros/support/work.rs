//! Whose work waits for whose: fits yield to the threads that answer.
//!
//! On a machine with few cores a sweep keeps all of them busy, and a thread that wakes up to answer would wait for the end of
//! a fit's time slice. Threads that fit therefore run at a lower priority (`NICE`); those of DDS, r2r and tokio keep theirs.
//! A priority, once lowered, can't be raised again without privileges, so there are threads of either kind.

use rayon::prelude::*;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// What is added to the nice value of threads that fit: 1/10 of the share of one that answers, while both want to run.
const NICE: i32 = 10;
/// Smallest batch for several threads: fewer items are done before other threads have woken up.
const MIN_PARALLEL_ITEMS: usize = 256;

/// Lowers the priority of the calling thread.
fn lower_priority() {
    // On Linux the nice value is that of a thread.
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!("a thread's priority could not be lowered, answers may be late during fits: {error}");
    }
}

/// Has all of rayon's work but that of [`map`] yield; before anything else uses rayon.
///
/// # Errors
/// When its threads can't be started.
pub fn start() -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .thread_name(|index| format!("fit-{index}"))
        .start_handler(|_| lower_priority())
        .build_global()?;
    Ok(())
}

/// Runs long work (fits, drawings) on a blocking thread of low priority.
pub fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    static BACKGROUND: OnceLock<Option<Runtime>> = OnceLock::new();
    let start = || {
        let made = Builder::new_current_thread().thread_name("background").on_thread_start(lower_priority).build();
        made.inspect_err(|error| tracing::error!("no threads of low priority: {error}")).ok()
    };
    match BACKGROUND.get_or_init(start) {
        Some(background) => background.spawn_blocking(work),
        None => tokio::task::spawn_blocking(work),
    }
}

/// `answer` of 0 … `count` − 1, in order; large batches on all cores, at the priority of whoever asks.
pub fn map<A: Send>(count: usize, answer: impl Fn(usize) -> A + Sync + Send) -> Vec<A> {
    static ANSWERING: OnceLock<Option<rayon::ThreadPool>> = OnceLock::new();
    let start = || {
        let made = rayon::ThreadPoolBuilder::new().thread_name(|index| format!("answer-{index}")).build();
        made.inspect_err(|error| tracing::error!("large batches are answered on one core: {error}")).ok()
    };
    if count < MIN_PARALLEL_ITEMS {
        return (0..count).map(answer).collect();
    }
    match ANSWERING.get_or_init(start) {
        Some(pool) => {
            pool.install(|| (0..count).into_par_iter().with_min_len(MIN_PARALLEL_ITEMS / 4).map(answer).collect())
        }
        None => (0..count).map(answer).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the calling thread, as the kernel tells it.
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // The 19th field; the second, a name in brackets, may hold spaces.
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn background_work_yields_and_batches_do_not() {
        let own = nice();
        let runtime = Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(in_background(nice)).unwrap(), (own + NICE).min(19));
        assert!(map(10 * MIN_PARALLEL_ITEMS, |_| nice()).into_iter().all(|nice| nice == own));
        assert_eq!(nice(), own);
    }

    #[test]
    fn batches_keep_their_order() {
        for count in [0, 1, MIN_PARALLEL_ITEMS, 40 * MIN_PARALLEL_ITEMS + 7] {
            assert_eq!(map(count, |index| index + 1), (1..=count).collect::<Vec<_>>());
        }
    }
}
