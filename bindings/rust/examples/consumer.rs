//! Waits for the topic, then prints each update until its publisher closes it.

mod attitude;

use attitude::Attitude;
use std::io;
use tism::Options;

fn main() -> io::Result<()> {
    let mut topic = Options::new().wait_and_open::<Attitude>("attitude", None)?;
    let mut updates = topic.updates(None);
    while let Some(attitude) = updates.next() {
        let (attitude, info) = (attitude?, updates.info());
        println!("{} us: q1 = {}, {} missed", attitude.time_us, attitude.q[1], info.missed);
    }
    println!("closed by its publisher");
    Ok(())
}
