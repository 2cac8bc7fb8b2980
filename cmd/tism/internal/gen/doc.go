// Package gen writes one shared type in other languages: from a Go struct, or from the
// descriptor of a live topic, to C, Python, Rust and Go.
//
// [Load] and [FromTopic] make [Struct]s, the tree that every language is written from;
// [C], [Python], [Rust], [Go], [Text] and [JSON] write them. The rules for what can be
// shared are those of shm.TypeOf, and tests hold the two together.
package gen
