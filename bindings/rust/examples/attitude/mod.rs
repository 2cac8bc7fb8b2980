//! The type of the topic "attitude", as examples in the other languages have it.

tism::describe! {
    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    pub struct Attitude {
        pub time_us: u64,
        pub q: [f32; 4],
    }
}
