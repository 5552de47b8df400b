//! Configuration files: what is accepted, and what is said about mistakes.

use logweir::config::{Compression, Config, Exposure, Size, load, reference};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn lookup(name: &str) -> Option<String> {
    (name == "DATA_DIR").then(|| "/srv/logweir".to_owned())
}

fn write(files: &[(&str, &str)]) -> (TempDir, Vec<PathBuf>) {
    let dir = tempfile::tempdir().expect("a directory");
    let paths = files.iter().map(|(name, text)| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("has one")).expect("creates");
        fs::write(&path, text).expect("writes");
        path
    });
    let paths = paths.collect();
    (dir, paths)
}

/// What is said about one file, each mistake as `line:column: message`.
fn mistakes(text: &str) -> Vec<String> {
    let (dir, paths) = write(&[("a.toml", text)]);
    let Err(problems) = load(&paths, Exposure::AsConfigured, &lookup) else { return Vec::new() };
    let prefix = format!("{}/a.toml:", dir.path().display());
    problems.0.iter().map(|p| p.to_string().replace(&prefix, "")).collect()
}

fn accepted(text: &str) -> Config {
    let (_dir, paths) = write(&[("a.toml", text)]);
    load(&paths, Exposure::AsConfigured, &lookup).unwrap_or_else(|problems| panic!("{problems}"))
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(mistakes(text), expected, "\n{text}");
}

#[test]
fn the_reference_is_up_to_date_and_is_the_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/logweir.toml");
    if std::env::var_os("LOGWEIR_UPDATE_REFERENCE").is_some() {
        fs::write(&path, reference()).expect("writes");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    let command = "LOGWEIR_UPDATE_REFERENCE=1 cargo test --test config";
    assert!(stored == reference(), "config/logweir.toml is out of date; write it anew with:\n{command}");
    assert_eq!(accepted(&stored), Config::default());
}

#[test]
fn every_key_of_the_reference_is_accepted() {
    let all: String = reference().lines().filter_map(uncommented).collect();
    let config = accepted(&all);
    assert_eq!((config.sink.len(), config.route.len(), config.redact.len()), (2, 2, 2));
    assert_eq!(config.ship.compression, Some(Compression::Auto));
}

/// Prose goes, keys and sections stay.
fn uncommented(line: &str) -> Option<String> {
    let text = line.strip_prefix("# ").unwrap_or(line);
    let key = text
        .split_once(" = ")
        .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
    (key || text.starts_with('[')).then(|| format!("{text}\n"))
}

#[test]
fn values_come_with_units_and_variables() {
    let text = "tail = ['/a/*.log']\n[data]\ndir = '${DATA_DIR}/x'\n[index]\ntail_size_max = '64MiB'\nsplit_age_max = \"1h30m\"
        [http]\nlisten = '127.0.0.1:${HTTP_PORT:-9999}'";
    let config = accepted(text);
    assert_eq!(config.data.dir, PathBuf::from("/srv/logweir/x"));
    assert_eq!((config.index.tail_size_max, config.http.listen.port()), (Size(64 << 20), 9999));
}

#[test]
fn unknown_keys_get_the_nearest_known() {
    check(
        "[http]\nlisten = '127.0.0.1:1'\nlisen = 'x'",
        &["3:1: unknown key `lisen`; did you mean `listen`?"],
    );
    check(
        "[[sink]]\nname = 'a'\ntype = 'fil'\npath = 'x'",
        &["3:8: unknown value `fil`; did you mean `file`?"],
    );
    check("[data]\nelephant = 1", &["2:1: unknown key `elephant`; there are dir"]);
}

#[test]
fn all_mistakes_are_said_at_once() {
    let text = "\
[http]
listen = 'nowhere'
[journal]
size_max = '5 elephants'
colour = 'red'
[index]
split_age_max = '1y'
split_lines_max = 'many'
[ship]
host = '${NO_SUCH}'
[[route]]
when = 'level:error'
";
    let said = mistakes(text);
    let lines: Vec<_> = said.iter().map(|m| m.split(':').next().unwrap_or_default()).collect();
    assert_eq!(lines, ["2", "4", "5", "7", "8", "10", "11"], "{said:#?}");
    assert!(said[1].contains("`5 elephants` is not a size such as 64KiB"), "{said:#?}");
}

#[test]
fn toml_that_cannot_be_read_is_pointed_at() {
    let said = mistakes("[http]\nlisten = '127.0.0.1:1\n[data]\ndir == 'x'\n");
    assert!(said.first().is_some_and(|m| m.starts_with("2:")), "{said:#?}");
    assert!(said.iter().any(|m| m.starts_with("4:")), "{said:#?}");
    assert!(!mistakes("a\u{0}b = 1\n").is_empty());
}

#[test]
fn addresses_that_others_reach_are_refused() {
    let said = mistakes("[http]\nlisten = '0.0.0.0:8514'\n[ingest]\nlisten = '192.0.2.1:8515'");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("2:10: 0.0.0.0:8514 can be reached by other machines"), "{said:?}");
    assert!(accepted("insecure = true\n[http]\nlisten = '0.0.0.0:8514'").insecure);
    accepted("[http]\nlisten = '[::1]:8514'");
    let (_dir, paths) = write(&[("a.toml", "[http]\nlisten = '0.0.0.0:8514'")]);
    assert!(load(&paths, Exposure::Allowed, &lookup).is_ok_and(|config| config.insecure));
}

#[test]
fn sinks_and_routes_fit_together() {
    let sink = "[[sink]]\nname = 'a'\ntype = 'stdout'\n";
    check(&format!("{sink}{sink}"), &["5:8: there is another sink named `a`"]);
    check(
        "[[sink]]\nname = 'f'\ntype = 'file'\naddress = 'x:1'\n",
        &["1:1: a sink of type file needs `path`", "4:11: a sink of type file has no `address`"],
    );
    check(&format!("{sink}[[route]]\nto = ['a', 'b']\n"), &["5:12: there is no sink named `b`"]);
    check("[[route]]\nwhen = '*'\n", &["1:1: a route needs `to = [\"SINK\"]` or `drop = true`"]);
    check("[[route]]\ndrop = true\nto = []\n", &[]);
    let said = mistakes("[[route]]\nwhen = 'level:error)'\ndrop = true\n");
    assert!(said.len() == 1 && said[0].starts_with("2:8: at column 12 of the query:"), "{said:?}");
    check("[[sink]]\ntype = 'stdout'\n", &["1:1: missing field `name`"]);
}

#[test]
fn a_zone_is_known_or_refused() {
    let said = mistakes("[ship]\nzone = 'Nowhere/Land'\n");
    assert!(said.len() == 1 && said[0].starts_with("2:8: zone `Nowhere/Land` is unknown"), "{said:?}");
    check("[ship]\nzone = 'CET-1CEST,M3.5.0,M10.5.0/3'\n", &[]);
}

#[test]
fn redaction_rules_are_compiled() {
    let said = mistakes("[[redact]]\nname = 'x'\nregex = '('\n[[redact]]\nname = 'elephant'\n");
    let lines: Vec<_> = said.iter().map(|m| m.split(':').next().unwrap_or_default()).collect();
    assert_eq!(lines, ["3", "4"], "{said:?}");
}

#[test]
fn files_and_directories_are_read_as_one() {
    let files = [
        ("main.toml", "tail = ['a']\n[data]\ndir = 'd'\n[[sink]]\nname = 'a'\ntype = 'stdout'\n"),
        ("conf.d/20.toml", "tail = ['c']\n[data]\ndir = 'last'\n"),
        ("conf.d/10.toml", "tail = ['b']\n[data]\ndir = 'later'\n"),
        ("conf.d/readme.md", "not = toml = at all"),
    ];
    let (dir, paths) = write(&files);
    let both = [paths[0].clone(), dir.path().join("conf.d")];
    let config = load(&both, Exposure::AsConfigured, &lookup).expect("fine");
    assert_eq!((config.tail.join(""), config.data.dir), ("abc".to_owned(), PathBuf::from("last")));
    fs::write(dir.path().join("conf.d/30.toml"), "\n[[sink]]\nname = 'a'\ntype = 'stdout'\n")
        .expect("writes");
    let problems = load(&both, Exposure::AsConfigured, &lookup).expect_err("a double name").to_string();
    assert!(problems.ends_with("conf.d/30.toml:3:8: there is another sink named `a`"), "{problems}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let problems =
        load(&[PathBuf::from("/nonexistent/a.toml")], Exposure::AsConfigured, &lookup).expect_err("no file");
    assert!(problems.to_string().starts_with("/nonexistent/a.toml: cannot read it:"), "{problems}");
}
