//! Dart: `#0      Cart.total (package:shop/cart.dart:15:20)`.

use super::{Frame, Language, PLAIN, Prefixes, framework_if, without_line};

pub(super) static DART: Language = Language { frame, ..PLAIN };

/// The core libraries, and what everybody builds on.
const FRAMEWORKS: &Prefixes =
    &Prefixes::of(&["dart:", "package:flutter", "package:stack_trace/", "package:test"]);

fn frame<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let rest = line.trim().strip_prefix('#')?;
    let call = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let (name, location) = call.strip_suffix(')')?.rsplit_once(" (")?;
    let (file, _) = without_line(location);
    if !file.ends_with(".dart") && !file.starts_with("dart:") {
        return None;
    }
    Some(Frame { name, file, place: "", owner: framework_if(FRAMEWORKS.begin(file)) })
}

#[cfg(test)]
mod tests {
    use super::super::Owner;
    use super::super::tests::check;

    #[test]
    fn frames() {
        check(
            "#0      main.<anonymous closure> (file:///x/y.dart:15:20)\n#1      List.[] (dart:core-patch/a.dart:1)",
            &[("main.<anonymous closure>", "", Owner::Application), ("List.[]", "", Owner::Framework)],
        );
    }
}
