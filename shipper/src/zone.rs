//! The zone of a host, as the POSIX TZ rule that the server reads times with: `Europe/Berlin` is looked up
//! here, where the database of zones is, and `CET-1CEST,M3.5.0,M10.5.0/3` travels.
//!
//! A zone file (TZif, RFC 9636) of version 2 or later ends with a newline, the rule, and a newline. Absent:
//! reading the tables before it; a file of version 1 has no rule and says nothing.

use crate::config::ConfigError;
use logweir_base::time::Zone;
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path};

const LOCAL: &str = "/etc/localtime";
const DATABASE: &str = "/usr/share/zoneinfo";
/// The largest zone file there is has less than 4 KiB.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Known without a database.
const UTC_RULE: &str = "UTC0";

/// The rule of the host's zone, as its C library finds it: `TZ`, else `/etc/localtime`. Empty, which is UTC,
/// when there is nothing that can be read.
pub fn host_zone() -> String {
    match std::env::var("TZ") {
        Ok(zone) => rule_of(&zone),
        Err(_) => rule_in_file(Path::new(LOCAL)),
    }
    .unwrap_or_default()
}

/// The rule of a zone as people write it: a name, or a rule itself.
pub fn zone_rule(zone: &str) -> Result<String, ConfigError> {
    rule_of(zone).ok_or_else(|| {
        let wanted = "give a name such as Europe/Berlin, or a POSIX rule such as CET-1CEST,M3.5.0,M10.5.0/3";
        ConfigError(format!("zone `{zone}` is unknown to this host: {wanted}"))
    })
}

/// `:Europe/Berlin`, `Europe/Berlin`, `/etc/localtime`, `UTC`, `CET-1CEST,M3.5.0,M10.5.0/3`.
fn rule_of(zone: &str) -> Option<String> {
    let name = zone.strip_prefix(':').unwrap_or(zone);
    let is_plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    if name.is_empty() || !Path::new(name).components().all(is_plain) {
        return None;
    }
    if matches!(name, "UTC" | "Etc/UTC") {
        return Some(UTC_RULE.to_owned());
    }
    // An absolute path stays as it is.
    rule_in_file(&Path::new(DATABASE).join(name)).or_else(|| Zone::is_rule(name).then(|| name.to_owned()))
}

fn rule_in_file(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    rule_at_end(&bytes)
}

fn rule_at_end(zone_file: &[u8]) -> Option<String> {
    let is_new = zone_file.starts_with(b"TZif") && zone_file.get(4).is_some_and(|&version| version >= b'2');
    let text = zone_file.strip_suffix(b"\n").filter(|_| is_new)?;
    let rule = text.rsplit(|&byte| byte == b'\n').next()?;
    let rule = std::str::from_utf8(rule).ok()?;
    Zone::is_rule(rule).then(|| rule.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    fn zone_file(version: u8, footer: &str) -> Vec<u8> {
        [b"TZif", &[version][..], &[0; 39], b"\ntables\n\0\0", footer.as_bytes()].concat()
    }

    #[test]
    fn c03_the_rule_stands_at_the_end_of_a_zone_file() {
        let check = |version, footer: &str, expected: Option<&str>| {
            assert_eq!(rule_at_end(&zone_file(version, footer)).as_deref(), expected, "{version} {footer:?}");
        };
        check(b'2', &format!("\n{BERLIN}\n"), Some(BERLIN));
        check(b'4', "\n<+0330>-3:30\n", Some("<+0330>-3:30"));
        check(0, &format!("\n{BERLIN}\n"), None);
        check(b'2', "\n\n", None);
        check(b'2', &format!("\n{BERLIN}"), None);
        assert_eq!(rule_at_end(b"\nUTC0\n"), None);
    }

    #[test]
    fn c03_zones_by_name_path_and_rule() {
        let dir = tempfile::tempdir().expect("temp");
        let path = dir.path().join("localtime");
        std::fs::write(&path, zone_file(b'2', &format!("\n{BERLIN}\n"))).expect("writes");
        let path = path.display().to_string();
        for zone in [BERLIN, &format!(":{BERLIN}"), &path, &format!(":{path}")] {
            assert_eq!(zone_rule(zone).as_deref(), Ok(BERLIN), "{zone}");
        }
        assert_eq!(zone_rule("UTC").as_deref(), Ok("UTC0"));
        for zone in ["", ":", "Europe/Nowhere", "../zoneinfo/UTC", "/etc", "/etc/passwd"] {
            let error = zone_rule(zone).expect_err(zone).to_string();
            assert!(error.contains(&format!("zone `{zone}` is unknown")), "{error}");
        }
    }

    /// With the host's own database, where there is one.
    #[test]
    fn c03_names_are_looked_up() {
        if !Path::new(DATABASE).join("Europe/Berlin").exists() {
            println!("skipped: {DATABASE} is not here");
            return;
        }
        assert_eq!(zone_rule(":Europe/Berlin").as_deref(), Ok(BERLIN));
        assert_eq!(zone_rule("America/New_York").as_deref(), Ok("EST5EDT,M3.2.0,M11.1.0"));
    }
}
