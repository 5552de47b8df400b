//! The house rules that a compiler does not check: who may depend on whom, headers, file and function length.

use std::fs;
use std::path::{Path, PathBuf};

/// crate -> the crates of ours it may name. The root package may name all.
const ARROWS: [(&str, &[&str]); 6] = [
    ("base", &[]),
    ("shipper", &["logweir-base"]),
    ("router", &["logweir-base"]),
    ("indexer", &["logweir-base"]),
    ("rollup", &["logweir-base"]),
    ("alerter", &["logweir-base", "logweir-rollup"]),
];
/// Words a crate must not contain: what DESIGN calls deliberately absent.
const ABSENT: [(&str, &[&str]); 4] = [
    ("base", &["tokio"]),
    ("indexer", &["tokio", "axum", "hyper"]),
    ("rollup", &["tokio", "axum", "hyper"]),
    ("alerter", &["tokio", "axum", "hyper", "ureq"]),
];
const FILE_LINES_MAX: usize = 800;
const LINE_CHARS_MAX: usize = 180;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the source tree is readable") {
        let path = entry.expect("the source tree is readable").path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') && !name.starts_with("logweir-data") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn all_rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    rust_files(&root(), &mut found);
    assert!(found.len() > 20, "the walk found only {} files", found.len());
    found
}

#[test]
fn arrows_between_crates_point_inward() {
    for (name, allowed) in ARROWS {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        let named =
            manifest.lines().filter_map(|line| line.split_once(".workspace").map(|(dep, _)| dep.trim()));
        for dep in named.filter(|dep| dep.starts_with("logweir-")) {
            assert!(allowed.contains(&dep), "{name} must not depend on {dep}");
        }
    }
}

#[test]
fn what_is_absent_stays_absent() {
    for (name, words) in ABSENT {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        for word in words {
            assert!(!manifest.contains(word), "{name} must not know {word}");
        }
    }
}

#[test]
fn every_file_has_a_header_and_a_bounded_length() {
    let mut faults = Vec::new();
    for path in all_rust_files() {
        let text = read(&path);
        if !text.starts_with("//!") {
            faults.push(format!("{}: does not start with //!", path.display()));
        }
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("{}: {lines} lines", path.display()));
        }
        for (number, line) in text.lines().enumerate().filter(|(_, l)| l.chars().count() > LINE_CHARS_MAX) {
            faults.push(format!("{}:{}: {} characters", path.display(), number + 1, line.chars().count()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn tests_do_not_sleep_retry_or_hide() {
    let banned = [concat!("#[ig", "nore"), concat!("thread::", "sleep("), concat!("to", "do!(")];
    for path in all_rust_files() {
        let text = read(&path);
        for word in banned {
            assert!(!text.contains(word), "{} contains {word}", path.display());
        }
    }
}
