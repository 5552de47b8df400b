//! Layouts: how loggers write a record. [`json`] has those of JSON objects, [`text`] those of everything else, [`plain`] is
//! for text that none of them knows.

mod header;
pub(crate) mod json;
mod number;
mod plain;
pub(crate) mod text;

pub(crate) use number::TEXT;
pub use number::{Layout, TimeSource};

use text::{LAYOUTS, Reading, TextLayout};

/// Finds the layout of a text that is not JSON, and reads it. `hint` is tried first: the layout of the record before, since a file
/// is mostly written by one logger. Returns the layout's number.
pub(crate) fn detect(hint: u8, content: &str) -> (u8, Reading<'_>) {
    let begins = content.bytes().next().unwrap_or(b'\n');
    let hinted = of_number(hint).into_iter();
    let mut reading = Reading::default();
    for layout in hinted.chain(LAYOUTS).filter(|layout| (layout.begins)(begins)) {
        if (layout.read)(content, &mut reading) {
            return (layout.number, reading);
        }
        reading.clear();
    }
    plain::read(content, &mut reading);
    (TEXT, reading)
}

/// Reads a text by the layout it is known to have.
pub(crate) fn read_as(number: u8, content: &str) -> Reading<'_> {
    let mut reading = Reading::default();
    match (number, of_number(number)) {
        (0, _) => detect(0, content).1,
        (_, Some(layout)) if (layout.read)(content, &mut reading) => reading,
        _ => {
            reading.clear();
            plain::read(content, &mut reading);
            reading
        }
    }
}

/// Has every reader read a text, also one that it would not be asked to read; a reader must survive any. Returns how many
/// took it for theirs.
pub(crate) fn read_by_all(content: &str) -> usize {
    let read = |layout: &&TextLayout| (layout.read)(content, &mut Reading::default());
    plain::read(content, &mut Reading::default());
    LAYOUTS.iter().filter(read).count()
}

fn of_number(number: u8) -> Option<&'static TextLayout> {
    LAYOUTS.iter().find(|layout| layout.number == number)
}
