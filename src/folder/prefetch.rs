//! One step ahead: what comes next is read while the last is worked on.

use std::sync::mpsc::sync_channel;

/// Calls `read` for each item on a thread of its own and `each` with what it gave, in order; one result waits at most.
///
/// # Errors
/// The first of `each`: nothing is read after it but what is under way.
pub fn prefetch<T: Sync, R: Send, E>(
    items: &[T],
    read: impl Fn(&T) -> R + Send,
    mut each: impl FnMut(&T, R) -> Result<(), E>,
) -> Result<(), E> {
    std::thread::scope(|scope| {
        // Nothing waits in the channel: one is worked on and one is ready.
        let (done, next) = sync_channel(0);
        scope.spawn(move || {
            for item in items {
                if done.send(read(item)).is_err() {
                    return;
                }
            }
        });
        items.iter().zip(next).try_for_each(|(item, result)| each(item, result))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn the_next_is_read_during_the_last_and_an_error_ends_it() {
        // Only someone who reads item n + 1 lets the work on item n go on.
        let meet = Barrier::new(2);
        let read = |n: &usize| {
            if *n > 0 {
                meet.wait();
            }
            10 * n
        };
        let mut seen = Vec::new();
        let done: Result<(), ()> = prefetch(&[0, 1, 2, 3], read, |n, tens| {
            if *n < 3 {
                meet.wait();
            }
            seen.push(tens);
            Ok(())
        });
        assert_eq!((done, seen), (Ok(()), vec![0, 10, 20, 30]));

        let reads = AtomicUsize::new(0);
        let count = |n: &u32| (reads.fetch_add(1, Ordering::Relaxed), *n);
        let items: Vec<u32> = (0..100).collect();
        let failed = prefetch(&items, count, |n, _| if *n == 5 { Err("enough") } else { Ok(()) });
        assert_eq!(failed, Err("enough"));
        assert!(reads.into_inner() <= 8);
    }
}
