//! A process that the cross-language tests drive: a command per line on standard input, an answer per
//! line on standard output, "ok ..." or "error NAME". bindings/peer_test.go tells what the commands
//! are and has the same in Go.

use std::io::{self, BufRead, Write};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use tism::dynamic::{DynamicBorrowedSharedMemory, OwnedDynamicSharedMemory};
use tism::{
    BorrowedSharedMemory, Complex, ErrorKind, Info, Options, OwnedSharedMemory, State, TismType,
};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

// ---- The types of the tests: value n of each is what make makes of n

tism::describe! {
    #[repr(C)]
    #[derive(Clone, Copy, Default, PartialEq)]
    struct Cell {
        id: u8,
        _pad: [u8; 3],
        volts: f32,
    }
}

tism::describe! {
    #[repr(C)]
    #[derive(Clone, Copy, Default, PartialEq)]
    struct Fix {
        x: i8,
        ok: bool,
    }
}

tism::describe! {
    // The name is in the golden segments.
    #[allow(non_camel_case_types)]
    #[repr(C)]
    #[derive(Clone, Copy, Default, PartialEq)]
    struct sample {
        seq: u64,
        quat: [f32; 4],
        raw: [[i16; 3]; 2],
        text: [u8; 4],
        cell: [Cell; 3],
        fix: Fix,
        _pad: [u8; 2],
        mask: u32,
        half: f64,
        z: Complex<f64>,
    }
}

tism::describe! {
    /// Large, so that a copy takes long enough to be torn.
    #[allow(non_camel_case_types)]
    #[repr(C)]
    #[derive(Clone, Copy, PartialEq)]
    struct big {
        word: [u64; 1024],
    }
}

trait Numbered: TismType + PartialEq {
    fn make(n: u64) -> Self;
    fn number(&self) -> u64;

    /// The number, if the value is whole.
    fn whole(&self) -> Option<u64> {
        let n = self.number();
        (*self == Self::make(n)).then_some(n)
    }
}

impl Numbered for sample {
    fn make(n: u64) -> sample {
        let mut s = sample { seq: n, ..sample::default() };
        for i in 0..4 {
            s.quat[i] = (n % 1000 + i as u64) as f32;
            s.text[i] = n.wrapping_add(i as u64) as u8;
        }
        for i in 0..6 {
            s.raw[i / 3][i % 3] = (n % 1000 + i as u64) as i16;
        }
        for i in 0..3 {
            s.cell[i].id = n.wrapping_add(i as u64) as u8;
            s.cell[i].volts = (n % 1000) as f32 / 2.0 + i as f32;
        }
        s.fix = Fix { x: (n % 100) as i8, ok: n & 1 == 1 };
        s.mask = !(n as u32);
        s.half = n as f64 / 2.0;
        s.z = Complex { re: n as f64, im: -(n as f64) };
        s
    }

    fn number(&self) -> u64 {
        self.seq
    }
}

impl Numbered for big {
    fn make(n: u64) -> big {
        big { word: [n; 1024] }
    }

    fn number(&self) -> u64 {
        self.word[0]
    }
}

const CAPACITY: usize = 1000;

fn make_bytes(n: u64) -> Vec<u8> {
    let length = 8 + (n % (CAPACITY as u64 - 8 + 1)) as usize;
    let mut bytes = n.to_le_bytes().to_vec();
    bytes.extend((8..length).map(|i| n.wrapping_add(i as u64) as u8));
    bytes
}

fn whole_bytes(bytes: &[u8]) -> Option<u64> {
    let n = u64::from_le_bytes(*bytes.first_chunk()?);
    (bytes == make_bytes(n)).then_some(n)
}

// ---- A publisher and a consumer of any kind, by numbers

trait Publisher {
    fn write(&mut self, n: u64) -> io::Result<()>;
    /// Takes the lock, writes to the value and keeps the lock.
    fn lock(&mut self, n: u64) -> io::Result<()>;
    fn send(&self, socket: BorrowedFd) -> io::Result<()>;
    fn total_writes(&self) -> u64;
    fn descriptor(&self) -> String;
    fn close(self: Box<Self>) -> io::Result<()>;
    fn remove(self: Box<Self>) -> io::Result<()>;
}

/// What a look at the newest value gives: its number, None if it is not whole.
type Look = io::Result<(Option<u64>, Info)>;

trait Consumer {
    fn read(&mut self) -> Look;
    fn next(&mut self) -> Look;
    /// Looks at the value in place, and keeps the lock.
    fn lock(&mut self) -> Look;
    fn unlock(&mut self) -> io::Result<()>;
    fn look_in_place(&mut self) -> Look;
    fn state(&self) -> io::Result<State>;
    fn has_changed(&self) -> bool;
    fn total_writes(&self) -> u64;
    fn descriptor(&self) -> String;
}

impl<T: Numbered> Publisher for OwnedSharedMemory<T> {
    fn write(&mut self, n: u64) -> io::Result<()> {
        self.write(T::make(n))
    }

    fn lock(&mut self, n: u64) -> io::Result<()> {
        let mut guard = self.loan()?;
        *guard = T::make(n);
        std::mem::forget(guard);
        Ok(())
    }

    fn send(&self, socket: BorrowedFd) -> io::Result<()> {
        self.send(socket)
    }

    fn total_writes(&self) -> u64 {
        self.total_writes()
    }

    fn descriptor(&self) -> String {
        self.descriptor()
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        (*self).close()
    }

    fn remove(self: Box<Self>) -> io::Result<()> {
        (*self).remove()
    }
}

impl<T: Numbered> Consumer for BorrowedSharedMemory<T> {
    fn read(&mut self) -> Look {
        let value = BorrowedSharedMemory::read(self)?;
        Ok((value.whole(), self.info()))
    }

    fn next(&mut self) -> Look {
        let value = self.next(PATIENCE)?;
        Ok((value.whole(), self.info()))
    }

    fn lock(&mut self) -> Look {
        let guard = self.read_lock()?;
        let n = guard.whole();
        std::mem::forget(guard);
        Ok((n, self.info()))
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.force_unlock()
    }

    fn look_in_place(&mut self) -> Look {
        let guard = self.read_lock()?;
        let n = guard.whole();
        guard.unlock()?;
        Ok((n, self.info()))
    }

    fn state(&self) -> io::Result<State> {
        self.state()
    }

    fn has_changed(&self) -> bool {
        self.has_changed()
    }

    fn total_writes(&self) -> u64 {
        self.total_writes()
    }

    fn descriptor(&self) -> String {
        self.descriptor()
    }
}

impl Publisher for OwnedDynamicSharedMemory {
    fn write(&mut self, n: u64) -> io::Result<()> {
        self.publish(&make_bytes(n))
    }

    fn lock(&mut self, n: u64) -> io::Result<()> {
        let mut loan = self.loan()?;
        let value = make_bytes(n);
        loan.as_mut()[..value.len()].copy_from_slice(&value);
        std::mem::forget(loan);
        Ok(())
    }

    fn send(&self, socket: BorrowedFd) -> io::Result<()> {
        self.send(socket)
    }

    fn total_writes(&self) -> u64 {
        self.total_writes()
    }

    fn descriptor(&self) -> String {
        self.descriptor()
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        (*self).close()
    }

    fn remove(self: Box<Self>) -> io::Result<()> {
        (*self).remove()
    }
}

impl Consumer for DynamicBorrowedSharedMemory {
    fn read(&mut self) -> Look {
        let value = DynamicBorrowedSharedMemory::read(self)?;
        Ok((whole_bytes(&value), self.info()))
    }

    fn next(&mut self) -> Look {
        let value = self.next(PATIENCE)?;
        Ok((whole_bytes(&value), self.info()))
    }

    fn lock(&mut self) -> Look {
        let guard = self.read_lock()?;
        let n = whole_bytes(guard.as_ref());
        std::mem::forget(guard);
        Ok((n, self.info()))
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.force_unlock()
    }

    fn look_in_place(&mut self) -> Look {
        let guard = self.read_lock()?;
        let n = whole_bytes(guard.as_ref());
        guard.unlock()?;
        Ok((n, self.info()))
    }

    fn state(&self) -> io::Result<State> {
        self.state()
    }

    fn has_changed(&self) -> bool {
        self.has_changed()
    }

    fn total_writes(&self) -> u64 {
        self.total_writes()
    }

    fn descriptor(&self) -> String {
        self.descriptor()
    }
}

// ---- Commands

#[derive(Default)]
struct Peer {
    publisher: Option<Box<dyn Publisher>>,
    consumer: Option<Box<dyn Consumer>>,
}

/// How a publisher is made of a kind.
fn create_typed<T: Numbered>(
    how: &str,
    options: &Options,
    name: &str,
    n: u64,
) -> io::Result<Box<dyn Publisher>> {
    let first = T::make(n);
    Ok(Box::new(match how {
        "memfd" => options.create_mem(name, first)?,
        _ => options.create(name, first)?,
    }))
}

fn create_bytes(
    how: &str,
    options: &Options,
    name: &str,
    n: u64,
) -> io::Result<Box<dyn Publisher>> {
    let first = make_bytes(n);
    Ok(Box::new(match how {
        "memfd" => options.create_mem_bytes(name, CAPACITY, Some(&first))?,
        _ => options.create_bytes(name, CAPACITY, Some(&first))?,
    }))
}

fn open_typed<T: Numbered>(
    how: &str,
    options: &Options,
    name: &str,
) -> io::Result<Box<dyn Consumer>> {
    Ok(Box::new(match how {
        "wait" => options.wait_and_open::<T>(name, PATIENCE)?,
        _ => options.open::<T>(name)?,
    }))
}

fn open_bytes(how: &str, options: &Options, name: &str) -> io::Result<Box<dyn Consumer>> {
    Ok(Box::new(match how {
        "wait" => options.wait_and_open_bytes(name, PATIENCE)?,
        _ => options.open_bytes(name)?,
    }))
}

fn options(how: &str) -> Options {
    let options = Options::new();
    match how {
        "resume" => options.resume(),
        "replace" => options.replace(),
        "hasty" => options.timeout(Duration::from_millis(20)),
        "patient" => options.timeout(PATIENCE),
        "reader" => options.read_only(),
        _ => options,
    }
}

/// Where memfds are sent and received.
fn socket() -> BorrowedFd<'static> {
    // SAFETY: the driver gave us this descriptor, and nothing here closes it.
    unsafe { BorrowedFd::borrow_raw(3) }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

impl Peer {
    fn publisher(&mut self) -> &mut dyn Publisher {
        self.publisher.as_deref_mut().expect("a publisher")
    }

    fn consumer(&mut self) -> &mut dyn Consumer {
        self.consumer.as_deref_mut().expect("a consumer")
    }

    fn obey(&mut self, words: &[&str]) -> Result<String, String> {
        let done = match *words {
            ["create", how, kind, name, buffers, n] => self.create(how, kind, name, buffers, n),
            ["open", how, kind, name] => self.open(how, kind, name),
            ["send"] => self.publisher().send(socket()),
            ["receive", kind] => self.receive(kind),
            ["write", n] => self.publisher().write(number(n)),
            ["lock", n] => self.publisher().lock(number(n)),
            ["blast", n, ms] => return self.blast(number(n), number(ms)),
            ["read"] => return value(self.consumer().read()),
            ["next"] => return value(self.consumer().next()),
            ["rlock"] => return value(self.consumer().lock()),
            ["runlock"] => self.consumer().unlock(),
            ["verify", how, ms] => return self.verify(how == "guards", number(ms)),
            ["state"] => return self.state(),
            ["changed"] => return Ok(u8::from(self.consumer().has_changed()).to_string()),
            ["writes"] => return Ok(self.writes()),
            ["descriptor"] => return Ok(self.descriptor()),
            ["close"] => self.publisher.take().expect("a publisher").close(),
            ["remove"] => self.publisher.take().expect("a publisher").remove(),
            ["leave"] => {
                self.consumer = None;
                Ok(())
            }
            _ => panic!("no command {words:?}"),
        };
        done.map(|()| String::new()).map_err(error_name)
    }

    fn create(
        &mut self,
        how: &str,
        kind: &str,
        name: &str,
        buffers: &str,
        n: &str,
    ) -> io::Result<()> {
        let options = options(how).slots(8).buffers(number(buffers) as u32);
        let make = match kind {
            "sample" => create_typed::<sample>,
            "big" => create_typed::<big>,
            _ => create_bytes,
        };
        self.publisher = Some(make(how, &options, name, number(n))?);
        Ok(())
    }

    fn open(&mut self, how: &str, kind: &str, name: &str) -> io::Result<()> {
        let open = match kind {
            "sample" => open_typed::<sample>,
            "big" => open_typed::<big>,
            _ => open_bytes,
        };
        self.consumer = Some(open(how, &options(how), name)?);
        Ok(())
    }

    fn receive(&mut self, kind: &str) -> io::Result<()> {
        let (fd, _) = tism::receive(socket())?;
        let options = Options::new();
        self.consumer = Some(match kind {
            "sample" => Box::new(options.open_fd::<sample>(fd)?),
            "big" => Box::new(options.open_fd::<big>(fd)?),
            _ => Box::new(options.open_fd_bytes(fd)?),
        });
        Ok(())
    }

    fn blast(&mut self, n: u64, ms: u64) -> Result<String, String> {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < Duration::from_millis(ms) {
            self.publisher().write(n + count).map_err(error_name)?;
            count += 1;
        }
        Ok(count.to_string())
    }

    fn verify(&mut self, guards: bool, ms: u64) -> Result<String, String> {
        let start = Instant::now();
        let (mut count, mut last) = (0u64, 0);
        while start.elapsed() < Duration::from_millis(ms) {
            let consumer = self.consumer();
            let look = if guards { consumer.look_in_place() } else { consumer.read() };
            let n = match look {
                Ok((Some(n), _)) if n >= last => n,
                Ok(_) => return Err("half".into()),
                // Which a consumer without a slot may get.
                Err(error) if ErrorKind::of(&error) == Some(ErrorKind::Overrun) => continue,
                Err(error) => return Err(error_name(error)),
            };
            last = n;
            count += 1;
        }
        Ok(count.to_string())
    }

    fn state(&mut self) -> Result<String, String> {
        let name = match self.consumer().state().map_err(error_name)? {
            State::Alive => "alive",
            State::Died => "died",
            State::Closed => "closed",
            State::Replaced => "replaced",
        };
        Ok(name.into())
    }

    fn writes(&self) -> String {
        let own = self.publisher.as_ref().map_or(0, |p| p.total_writes());
        let theirs = self.consumer.as_ref().map_or(0, |c| c.total_writes());
        format!("{own} {theirs}")
    }

    fn descriptor(&self) -> String {
        let text = match (&self.publisher, &self.consumer) {
            (Some(publisher), _) => publisher.descriptor(),
            (None, Some(consumer)) => consumer.descriptor(),
            (None, None) => String::new(),
        };
        text.replace('\n', ";")
    }
}

fn value(look: Look) -> Result<String, String> {
    match look {
        Ok((Some(n), info)) => Ok(format!("{n} {}", info.missed)),
        Ok((None, _)) => Err("half".into()),
        Err(error) => Err(error_name(error)),
    }
}

/// What the peers of all languages call an error.
fn error_name(error: io::Error) -> String {
    let name = match ErrorKind::of(&error) {
        Some(ErrorKind::NotFound) => "not-exist",
        Some(ErrorKind::Closed) => "over",
        Some(ErrorKind::TypeMismatch) => "type",
        Some(ErrorKind::VersionMismatch) => "version",
        Some(ErrorKind::LivePublisher) => "live",
        Some(ErrorKind::NotATopic) => "not-topic",
        Some(ErrorKind::TimedOut) => "timeout",
        Some(ErrorKind::Torn) => "torn",
        Some(ErrorKind::Empty) => "empty",
        Some(ErrorKind::ReadOnly) => "read-only",
        Some(ErrorKind::Overrun) => "overrun",
        Some(ErrorKind::LeaseLost) => "lease",
        _ => return error.to_string(),
    };
    name.into()
}

fn main() -> io::Result<()> {
    let mut peer = Peer::default();
    let mut out = io::stdout();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        match peer.obey(&words) {
            Ok(text) => writeln!(out, "{}", format!("ok {text}").trim_end())?,
            Err(name) => writeln!(out, "error {name}")?,
        }
        out.flush()?;
    }
    Ok(())
}
