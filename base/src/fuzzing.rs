//! What the fuzz targets reach and nobody else may: readers inside of this crate, each alone, without what usually stands
//! before it and would keep most bytes from it.

use crate::parse::{exception_in, read_by_all, wrapper};

/// Has every layout of text and the search for exceptions read `text`.
pub fn read_by_all_layouts(text: &str) {
    read_by_all(text);
    let stacktrace = exception_in(text).map(|exception| exception.stacktrace);
    assert!(stacktrace.is_none_or(|stacktrace| text.ends_with(stacktrace)));
}

/// What an application wrote in a container runtime's line; `None` when the line is no such.
pub fn content_of_wrapped(line: &[u8]) -> Option<Vec<u8>> {
    let wrapped = wrapper::unwrap(line)?;
    let mut content = Vec::new();
    wrapper::content(line, wrapped.wrapper, &mut content);
    Some(content)
}
