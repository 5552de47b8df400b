//! Templates of mails: those in `templates/`, each of which a file of the same name in a directory of the user's replaces.
//!
//! The language is Jinja's. A template gets `view`, which is `DigestView`, `PageView` or `StormView` of `view.rs`, and no more:
//! texts in it are cut and free of control characters, and a name that ends in `.html` escapes them. All templates are
//! tried on examples when they are loaded, so a name that does not exist is found then and not when an alert fires.
//!
//! Limits: [`FILE_BYTES_MAX`] a file, [`FUEL`] instructions a mail; nothing reads files or the environment from a template.

use super::RenderError;
use super::view::{DigestView, PageView, StormView};
use crate::notification::Message;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Bytes of a template.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// A digest of the greatest size takes some 60,000.
const FUEL: u64 = 2_000_000;
const DEFAULTS: [(&str, &str); 7] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("digest.html", include_str!("templates/digest.html")),
    ("digest.txt", include_str!("templates/digest.txt")),
    ("page.html", include_str!("templates/page.html")),
    ("page.txt", include_str!("templates/page.txt")),
    ("storm.html", include_str!("templates/storm.html")),
    ("storm.txt", include_str!("templates/storm.txt")),
];
/// One message of each kind, with something in every field.
const EXAMPLES: &str = include_str!("templates/examples.json");
const EXAMPLE_ITEMS: usize = 10;

/// The templates in force.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

/// A message as a template sees it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum View {
    Digest(DigestView),
    Page(PageView),
    Storm(StormView),
}

impl View {
    /// At most so many items of each list.
    pub fn new(message: &Message, items_max: usize) -> Self {
        match message {
            Message::Digest(digest) => Self::Digest(DigestView::new(digest, items_max)),
            Message::Page(page) => Self::Page(PageView::new(page, items_max)),
            Message::Storm(storm) => Self::Storm(StormView::new(storm, items_max)),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Digest(_) => "digest",
            Self::Page(_) => "page",
            Self::Storm(_) => "storm",
        }
    }
}

#[derive(Serialize)]
struct Context<'a> {
    view: &'a View,
}

impl Templates {
    /// The defaults, with the files of a directory in their place. An error names file and line.
    pub fn load(folder: Option<&Path>) -> Result<Self, String> {
        let replaced = folder.map_or_else(|| Ok(BTreeMap::new()), read_folder)?;
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        for (name, default) in DEFAULTS {
            let source = replaced.get(name).map_or(default, String::as_str);
            env.add_template_owned(name, source.to_owned()).map_err(|e| explain(&e, folder))?;
        }
        let templates = Self(env);
        templates.try_out().map_err(|e| explain(&e, folder))?;
        Ok(templates)
    }

    fn try_out(&self) -> Result<(), minijinja::Error> {
        let examples: Vec<Message> = serde_json::from_str(EXAMPLES).expect("a test reads them");
        for message in examples {
            let view = View::new(&message, EXAMPLE_ITEMS);
            for kind in ["html", "txt"] {
                self.fill(&view, kind)?;
            }
        }
        Ok(())
    }

    /// HTML and text.
    pub(super) fn render(&self, view: &View) -> Result<(String, String), RenderError> {
        let fill = |kind| self.fill(view, kind).map_err(|e| RenderError::Template(explain(&e, None)));
        Ok((fill("html")?, fill("txt")?))
    }

    fn fill(&self, view: &View, kind: &str) -> Result<String, minijinja::Error> {
        self.0.get_template(&format!("{}.{kind}", view.name()))?.render(Serde(Context { view }))
    }
}

fn read_folder(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let at = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let is_template = path.extension().is_some_and(|it| it == "html" || it == "txt");
        if !is_template {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !DEFAULTS.iter().any(|(known, _)| *known == name) {
            let known: Vec<_> = DEFAULTS.iter().map(|(known, _)| *known).collect();
            return Err(format!("{}: not one of {}", path.display(), known.join(", ")));
        }
        found.insert(name, read(&path).map_err(|why| format!("{}: {why}", path.display()))?);
    }
    Ok(found)
}

fn read(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|e| e.to_string())?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    match text.len() as u64 <= FILE_BYTES_MAX {
        true => Ok(text),
        false => Err(format!("longer than {FILE_BYTES_MAX} bytes")),
    }
}

/// `FILE:LINE: why`, of the innermost error that knows a place.
fn explain(error: &minijinja::Error, folder: Option<&Path>) -> String {
    let mut found = error;
    let mut next = error.source();
    while let Some(inner) = next.and_then(|it| it.downcast_ref::<minijinja::Error>()) {
        found = if inner.line().is_some() { inner } else { found };
        next = inner.source();
    }
    let name = found.name().unwrap_or("template");
    let path = folder.map(|folder| folder.join(name)).filter(|path| path.exists());
    let shown = path.map_or_else(|| name.to_owned(), |path| path.display().to_string());
    let why =
        found.detail().map_or_else(|| found.kind().to_string(), |why| format!("{}: {why}", found.kind()));
    format!("{shown}:{}: {why}", found.line().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_fill_every_field() {
        let examples: Vec<Message> = serde_json::from_str(EXAMPLES).unwrap();
        let names: Vec<_> = examples.iter().map(|it| View::new(it, EXAMPLE_ITEMS).name()).collect();
        assert_eq!(names, ["digest", "page", "storm"]);
        let views: Vec<_> = examples.iter().map(|it| View::new(it, EXAMPLE_ITEMS)).collect();
        let text = serde_json::to_string(&views).unwrap();
        assert!(!text.contains("[]"), "an empty list hides what a template does with its items: {text}");
    }

    #[test]
    fn a_file_replaces_a_default() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("storm.txt"), "ours: {{ view.firing }}").unwrap();
        fs::write(folder.path().join("README.md"), "{{ no template").unwrap();
        let templates = Templates::load(Some(folder.path())).unwrap();
        let examples: Vec<Message> = serde_json::from_str(EXAMPLES).unwrap();
        let (html, text) = templates.render(&View::new(&examples[2], 1)).unwrap();
        assert!(html.starts_with("<!doctype html>"));
        assert_eq!(text, "ours: 57");
    }

    #[test]
    fn errors_name_file_and_line() {
        let check = |name: &str, text: &str, expected: &str| {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), text).unwrap();
            let error = Templates::load(Some(folder.path())).unwrap_err();
            let path = folder.path().join(name).display().to_string();
            assert!(error.starts_with(&path), "{error}");
            assert_eq!(&error[path.len()..], expected);
        };
        check(
            "digest.txt",
            "a\n{{ view.",
            ":2: syntax error: unexpected end of input, expected identifier or integer",
        );
        check("page.txt", "a\n\n{{ view.sumary }}", ":3: undefined value");
        check("layout.html", "<b>\n{{ view.nothing }}", ":2: undefined value");
        check("storm.txt", "{{ view.firing | shout }}", ":1: unknown filter: filter shout is unknown");
        check(
            "page.htm.txt",
            "",
            ": not one of layout.html, digest.html, digest.txt, page.html, page.txt, \
            storm.html, storm.txt",
        );
        check("page.html", &"a".repeat(300 << 10), ": longer than 262144 bytes");
        let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        check("storm.html", loops, ":1: engine ran out of fuel");
        assert!(
            Templates::load(Some(Path::new("no such folder"))).unwrap_err().starts_with("no such folder: ")
        );
    }
}
