//! Publishes an attitude ten times a second, or as many times as the argument says.

mod attitude;

use attitude::Attitude;
use std::io;
use std::thread::sleep;
use std::time::Duration;
use tism::Options;

fn main() -> io::Result<()> {
    let count = std::env::args().nth(1).and_then(|word| word.parse().ok());
    let mut attitude = Attitude { q: [1.0, 0.0, 0.0, 0.0], ..Attitude::default() };
    let mut topic = Options::new().create("attitude", attitude)?;
    for _ in 0..count.unwrap_or(u64::MAX) {
        let sampled = tism::now();
        attitude.time_us = sampled.as_micros() as u64;
        attitude.q[1] = (attitude.time_us % 1_000_000) as f32 / 1e6;
        topic.write_at(attitude, sampled)?;
        sleep(Duration::from_millis(100));
    }
    topic.close()
}
