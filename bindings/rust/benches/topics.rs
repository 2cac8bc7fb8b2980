//! What the crate's calls cost: ns per call, the lowest and the median of rounds. topics.c measures
//! the same in C; run.sh runs the two in turn.

use std::hint::black_box;
use std::io;
use std::time::Instant;
use tism::{BorrowedSharedMemory, Options, OwnedSharedMemory};

const CALLS: u32 = 100_000;
const ROUNDS: usize = 15;

type Value = [u64; 8];

/// Prints the cost of a call.
fn measure(name: &str, mut call: impl FnMut()) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            start.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("rust {name:<24} {:>8.1} {:>8.1}", rounds[0], rounds[ROUNDS / 2]);
}

fn both(buffers: u32) -> io::Result<(OwnedSharedMemory<Value>, BorrowedSharedMemory<Value>)> {
    let options = Options::new().buffers(buffers);
    let publisher = options.create_mem("bench", Value::default())?;
    let consumer = Options::new().open_fd(publisher.share()?)?;
    Ok((publisher, consumer))
}

fn main() -> io::Result<()> {
    for buffers in [4, 1] {
        let (mut publisher, mut consumer) = both(buffers)?;
        let mut value = Value::default();
        measure(&format!("write 64 B, {buffers}"), || {
            value[0] += 1;
            publisher.write(value).unwrap();
        });
        measure(&format!("read 64 B, {buffers}"), || {
            black_box(consumer.read().unwrap());
        });
        measure(&format!("read guard, {buffers}"), || {
            black_box(consumer.read_lock().unwrap()[0]);
        });
        measure(&format!("write guard, {buffers}"), || {
            publisher.write_lock().unwrap()[0] += 1;
        });
    }
    Ok(())
}
