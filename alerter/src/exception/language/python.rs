//! Python.
//!
//! ```text
//! Traceback (most recent call last):
//!   File "/srv/shop/cart.py", line 12, in total
//!     return sum(prices)
//! KeyError: 'price'
//!
//! During handling of the above exception, another exception occurred:
//! ...
//! ```

use super::{Chain, Frame, Language, Mark, PLAIN, Stack, framework_if, has_any, place_of};

pub(super) static PYTHON: Language = Language {
    frame,
    marks: &[
        ("During handling of the above exception", Mark::NextUnnamed),
        ("The above exception was the direct cause", Mark::NextUnnamed),
        // The exceptions of a group.
        ("+-+-", Mark::End),
    ],
    chain: Chain::RootFirst,
    stack: Stack::InnermostLast,
    ..PLAIN
};

/// The standard library, and where packages are installed.
const FRAMEWORKS: &[&str] = &[
    "site-packages/",
    "site-packages\\",
    "dist-packages/",
    "/lib/python",
    "/lib64/python",
    "<frozen ",
    "<attrs generated",
    "<__array_function__",
];

fn frame<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let text = line.trim_start_matches([' ', '\t', '|', '>']);
    let rest = text.strip_prefix("File ")?;
    let (path, name) = match rest.strip_prefix('"') {
        Some(quoted) => {
            let (path, behind) = quoted.split_once('"')?;
            (path, behind.split_once(", in ").map_or("", |(_, name)| name))
        }
        // As JSON loggers' fields are put together.
        None => rest.split_once(" in ")?,
    };
    let name = name.trim_end();
    Some(Frame { name, file: path, place: place_of(path), owner: framework_if(has_any(path, FRAMEWORKS)) })
}

#[cfg(test)]
mod tests {
    use super::super::Owner;
    use super::super::tests::check;

    #[test]
    fn frames() {
        use Owner::{Application, Framework};
        check(
            "Traceback (most recent call last):\n  File \"/srv/shop/cart.py\", line 12, in total\n    sum(x)\n\
             \x20 File \"/usr/lib/python3.11/json/decoder.py\", line 5, in decode\n\
             \x20 File \"/srv/venv/lib/python3/site-packages/x/y.py\", line 5, in <lambda>\nKeyError: 1",
            &[
                ("total", "shop/cart", Application),
                ("decode", "json/decoder", Framework),
                ("<lambda>", "x/y", Framework),
            ],
        );
        check(
            "\n  File /a.py in f\n  File /b/c.py in g",
            &[("f", "/a", Application), ("g", "b/c", Application)],
        );
    }
}
