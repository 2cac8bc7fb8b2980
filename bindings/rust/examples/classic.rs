//! A program as one writes it for TISM 2.1.

use std::io;

#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    altitude: i32,
    speed: i32,
}

fn main() -> io::Result<()> {
    let mut owner = tism::create("state", State { altitude: 120, speed: 30 })?;
    let mut borrower = tism::wait_and_open::<State>("state")?;
    println!("altitude {}", borrower.read()?.altitude);

    // One field, in place.
    if let Ok(mut lock) = owner.write_lock() {
        lock.as_mut().altitude = 130;
    }

    if let Some(state) = borrower.read_change()? {
        let writes = borrower.total_writes();
        println!("altitude {}, speed {} after {writes} writes", state.altitude, state.speed);
    }
    Ok(())
}
