//! C and C++, as sanitizers and debuggers write a stack: `    #0 0x4e5f in shop::Cart::total(int) /srv/shop/cart.cc:12:5`.

use super::{Frame, Language, PLAIN, Prefixes, framework_if, without_line};

pub(super) static NATIVE: Language = Language { frame, ..PLAIN };

/// The C and C++ libraries, and sanitizers.
const FRAMEWORKS: &Prefixes = &Prefixes::of(&[
    "_IO_",
    "__",
    "_start",
    "abort",
    "calloc",
    "clone",
    "free",
    "malloc",
    "memcpy",
    "memmove",
    "memset",
    "operator ",
    "raise",
    "realloc",
    "start_thread",
    "std::",
    "str",
]);

fn frame<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let rest = line.trim().strip_prefix('#')?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().strip_prefix("0x")?;
    let call = rest.split_once(" in ")?.1;
    let name_end = call.find(['(', ' ']).unwrap_or(call.len());
    let name = if call.starts_with("operator ") { call } else { &call[..name_end] };
    let (file, has_line) = without_line(call.rsplit(' ').next().unwrap_or_default());
    let file = if has_line { file } else { "" };
    Some(Frame { name, file, place: "", owner: framework_if(FRAMEWORKS.begin(name)) })
}

#[cfg(test)]
mod tests {
    use super::super::Owner;
    use super::super::tests::check;

    #[test]
    fn frames() {
        check(
            "==1==ERROR: AddressSanitizer: heap-use-after-free\n    #0 0x4e5f in shop::Cart::total(int) /x/cart.cc:12:5\n\
             \x20   #1 0x7f in __libc_start_main (/lib/libc.so.6+0x1)",
            &[("shop::Cart::total", "", Owner::Application), ("__libc_start_main", "", Owner::Framework)],
        );
    }
}
