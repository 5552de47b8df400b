//! The binary `logweir`: everything is in the library.

fn main() {}
