//! Every layout's reader on a text, whether its first byte suits the layout or not, and the search for exceptions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::fuzzing;

fuzz_target!(|text: &str| fuzzing::read_by_all_layouts(text));
