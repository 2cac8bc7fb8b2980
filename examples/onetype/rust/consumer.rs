//! Prints each attitude until the publisher closes the topic:
//!
//! cargo run --manifest-path examples/onetype/rust/Cargo.toml

mod attitude;

use attitude::Attitude;
use std::io;

fn main() -> io::Result<()> {
    let mut topic = tism::Options::new().wait_and_open::<Attitude>("attitude", None)?;
    loop {
        let a = match topic.next(None) {
            Ok(a) => a,
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()), // closed
            Err(e) => return Err(e),
        };
        let battery = &a.battery[1];
        println!("{}: yaw {:.2} rad/s, {:.1} V, {} C", a.time_us, a.gyro_rad[2], battery.volts, battery.celsius);
    }
}
