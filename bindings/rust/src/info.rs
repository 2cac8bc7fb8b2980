use crate::ffi;
use std::time::Duration;

/// What is known about a value. Times are those of CLOCK_MONOTONIC, which all processes of a
/// machine share: [`now`](crate::now) reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Number of the publication over the topic's whole life, from 1; 0 if nothing was read yet.
    pub number: u64,
    /// Publications between the value that was read before and this one.
    pub missed: u64,
    /// When it was published; None if the publisher keeps no time.
    pub published: Option<Duration>,
    /// When its sample was taken: when it was published, unless the publisher said otherwise.
    pub sampled: Option<Duration>,
    /// Size of the value in bytes.
    pub size: usize,
}

impl Info {
    pub(crate) fn from_c(info: &ffi::Info) -> Info {
        let time = |ns: i64| u64::try_from(ns).ok().filter(|&ns| ns > 0).map(Duration::from_nanos);
        Info {
            number: info.number,
            missed: info.missed,
            published: time(info.published_ns),
            sampled: time(info.sampled_ns),
            size: info.size,
        }
    }
}

/// What has become of a topic's publisher: the kernel's word, not a guess from the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum State {
    /// It lives.
    Alive = 0,
    /// Its process ended without closing the topic; a successor may come.
    Died,
    /// It closed the topic; a successor may come.
    Closed,
    /// The topic was replaced or removed: nothing will come here.
    Replaced,
}

impl State {
    pub(crate) fn from_c(state: u32) -> State {
        match state {
            0 => State::Alive,
            1 => State::Died,
            2 => State::Closed,
            _ => State::Replaced,
        }
    }
}

/// A process in its own words, for people to read: a PID may mean nothing in another namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// Its PID, as it sees it.
    pub pid: i32,
    /// The first 16 bytes of its command's name.
    pub command: String,
}

impl Process {
    pub(crate) fn from_c(who: &ffi::Process) -> Process {
        let end = who.command.iter().position(|&c| c == 0).unwrap_or(who.command.len());
        let command = String::from_utf8_lossy(&who.command[..end]).into_owned();
        Process { pid: who.pid, command }
    }
}
