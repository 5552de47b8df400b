//! PHP.
//!
//! ```text
//! PHP Fatal error:  Uncaught RuntimeException: boom in /srv/shop/cart.php:5
//! Stack trace:
//! #0 /srv/shop/index.php(9): Shop\Cart->total(Object(Item))
//! #1 [internal function]: Shop\Cart->{closure}()
//! #2 {main}
//!
//! Next LogicException: outer in /srv/shop/cart.php:9
//! /srv/shop/cart.php:8                                     in a list, as Monolog writes it
//! ```
//! A frame's file is the caller's.

use super::{
    Chain, Frame, Language, Mark, Owner, PLAIN, Prefixes, framework_if, has_any, place_of, without_line,
};

pub(super) static PHP: Language =
    Language { frame, marks: &[("Next ", Mark::Next)], chain: Chain::RootFirst, ..PLAIN };

/// Where composer installs.
const FRAMEWORKS: &[&str] = &["/vendor/", "\\vendor\\"];
/// What calls what it is given.
const BUILTINS: &Prefixes = &Prefixes::of(&[
    "array_filter",
    "array_map",
    "array_walk",
    "call_user_func",
    "preg_replace_callback",
    "usort",
]);

fn frame<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let text = line.trim();
    let Some(rest) = text.strip_prefix('#') else {
        let (file, has_line) = without_line(text);
        let is_listed = has_line && file.ends_with(".php") && !file.contains(' ');
        return is_listed.then(|| framed("", file));
    };
    let call = rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(' ')?;
    if let Some(call) = call.strip_prefix("[internal function]: ") {
        return Some(Frame { name: name_of(call), owner: Owner::Framework, ..Frame::default() });
    }
    let (place, call) = call.split_once("): ")?;
    let (file, number) = place.rsplit_once('(')?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| framed(name_of(call), file))
}

fn name_of(call: &str) -> &str {
    call.split('(').next().unwrap_or(call)
}

/// A method is told by its class, a function by its file.
fn framed<'a>(name: &'a str, file: &'a str) -> Frame<'a> {
    let is_method = name.contains("->") || name.contains("::");
    let place = if is_method { "" } else { place_of(file) };
    Frame { name, file, place, owner: framework_if(has_any(file, FRAMEWORKS) || BUILTINS.begin(name)) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn frames() {
        use Owner::{Application, Framework};
        check(
            "PHP Fatal error:  Uncaught E: boom in /srv/shop/cart.php:5\nStack trace:\n\
             #0 /srv/shop/index.php(9): Shop\\Cart->total(Object(Item))\n#1 /srv/shop/index.php(12): show()\n\
             #2 [internal function]: Shop\\Cart->{closure}()\n#3 /srv/vendor/x/y.php(3): X::y()\n#4 {main}",
            &[
                ("Shop\\Cart->total", "", Application),
                ("show", "shop/index", Application),
                ("Shop\\Cart->{closure}", "", Framework),
                ("X::y", "", Framework),
            ],
        );
        check(
            "/srv/shop/t.php:8\n/srv/shop/t.php:9",
            &[("", "shop/t", Application), ("", "shop/t", Application)],
        );
    }
}
