//! Topics that are made by the first write, as in TISM 2.1: for publishers that have no value to
//! begin with.
//!
//! ```
//! #[derive(Clone, Copy, Debug, PartialEq)]
//! struct Baro {
//!     pascal: f32,
//!     celsius: f32,
//! }
//!
//! // There is no topic yet,
//! let mut topic = tism::lazy::create("doc_lazy");
//! assert!(!topic.has_allocated());
//!
//! // and now there is.
//! topic.write(Baro { pascal: 101325.0, celsius: 21.5 }).unwrap();
//! topic.write(Baro { pascal: 101320.0, celsius: 21.5 }).unwrap();
//!
//! let mut strict: tism::OwnedSharedMemory<Baro> = topic.strict().unwrap();
//! assert_eq!(strict.read().unwrap().pascal, 101320.0);
//! assert_eq!(strict.total_writes(), 2);
//! ```

use crate::OwnedSharedMemory;
use std::io;
use std::path::Path;

/// Keeps the name for the first write. Does nothing else, so it cannot fail.
pub fn create<T, P>(name: P) -> LazyOwnedSharedMemory<T, P>
where
    P: AsRef<Path>,
{
    LazyOwnedSharedMemory::Unallocated(name)
}

/// A topic that this process publishes, or the name of one that it will.
pub enum LazyOwnedSharedMemory<T, P>
where
    P: AsRef<Path>,
{
    /// The topic.
    Allocated(OwnedSharedMemory<T>),
    /// Its name, until the first write.
    Unallocated(P),
}

impl<T, P> LazyOwnedSharedMemory<T, P>
where
    P: AsRef<Path>,
{
    /// The topic, with all that one can do with it; `None` if there is none yet.
    pub fn strict(self) -> Option<OwnedSharedMemory<T>> {
        match self {
            Self::Allocated(topic) => Some(topic),
            Self::Unallocated(_) => None,
        }
    }

    /// Whether there is a topic.
    pub fn has_allocated(&self) -> bool {
        matches!(self, Self::Allocated(_))
    }

    /// Makes the topic with a first value. If there is one already, this does nothing.
    pub fn allocate(&mut self, init: T) -> io::Result<()> {
        if let Self::Unallocated(name) = self {
            *self = Self::Allocated(crate::create(name, init)?);
        }
        Ok(())
    }

    /// Publishes a value, and makes the topic if need be.
    pub fn write(&mut self, value: T) -> io::Result<()> {
        match self {
            Self::Allocated(topic) => topic.write(value),
            Self::Unallocated(_) => self.allocate(value),
        }
    }
}
