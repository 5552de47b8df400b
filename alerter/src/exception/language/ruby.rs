//! Ruby.
//!
//! ```text
//! /srv/shop/cart.rb:12:in `total': boom (ArgumentError)
//!         from /srv/shop/cart.rb:20:in 'block in Shop::Cart#open'
//! /srv/shop/stock.rb:3:in `take': none left (KeyError)                 what caused it
//!   app/controllers/carts_controller.rb:69:in `show'
//!   actionpack (5.1.4) lib/action_dispatch/middleware/executor.rb:12:in `call'
//! ```

use super::{Frame, Language, Mark, PLAIN, framework_if, has_any, place_of};

pub(super) static RUBY: Language = Language { frame, header, marks: &[("Caused by:", Mark::Next)], ..PLAIN };

/// The standard library, and gems, by path or as Rails shortens it.
const FRAMEWORKS: &[&str] =
    &["/gems/", "/lib/ruby/", "<internal:", ") lib/", ") app/", "/bin/bundle", "/bin/rails", "/bin/rake"];

fn frame<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let text = line.trim_start();
    let text = text.strip_prefix("from ").unwrap_or(text);
    let (place, rest) = text.split_once(":in ")?;
    let (path, number) = place.rsplit_once(':')?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let name = rest.strip_prefix(['`', '\''])?.split('\'').next().unwrap_or_default();
    let name = name.rsplit_once(" in ").map_or(name, |(_, name)| name);
    Some(Frame { name, file: path, place: place_of(path), owner: framework_if(has_any(path, FRAMEWORKS)) })
}

/// Of a line that is not indented, as those of callers are.
fn header(line: &str) -> Option<(&str, &str)> {
    let (_, said) = line.split_once("': ").filter(|_| !line.starts_with([' ', '\t']))?;
    let (message, kind) = said.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    Some((kind, message))
}

#[cfg(test)]
mod tests {
    use super::super::Owner;
    use super::super::tests::check;

    #[test]
    fn frames() {
        use Owner::{Application, Framework};
        check(
            "/srv/shop/cart.rb:12:in `total': boom (ArgumentError)\n\
             \tfrom /srv/shop/cart.rb:20:in 'block (2 levels) in Shop::Cart#open'\n\
             \x20 actionpack (5.1.4) lib/action_dispatch/executor.rb:12:in `call'\n\
             \tfrom /usr/local/bundle/gems/rack-2.0/lib/rack.rb:1:in `call'\n",
            &[
                ("total", "shop/cart", Application),
                ("Shop::Cart#open", "shop/cart", Application),
                ("call", "action_dispatch/executor", Framework),
                ("call", "lib/rack", Framework),
            ],
        );
    }
}
