//! Rules that are there without being written: lines, bytes and errors of every service, and requests where lines tell of them.

/// A rule that is there without being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Default {
    /// The rule.
    pub rule: &'static str,
    /// What it counts.
    pub help: &'static str,
}

/// The rules, in the order in which they are shown.
pub const DEFAULTS: &[Default] = &[
    Default {
        rule: r#"metric "log_records_total" = count by service, host=source.host, level"#,
        help: "Log records received.",
    },
    Default {
        rule: r#"metric "log_bytes_total" = sum(source.bytes) by service, host=source.host"#,
        help: "Bytes of log records in their files.",
    },
    Default {
        rule: r#"metric "log_errors_total" = count where level:>=error by service, host=source.host"#,
        help: "Log records of level error and above.",
    },
    Default {
        rule: r#"metric "http_server_requests_total" = count(http_status) by service, http_request_method=http_method, http_response_status_code=http_status"#,
        help: "Requests that log records tell of, by method and status.",
    },
    Default {
        rule: r#"metric "http_server_request_duration_seconds" = histogram(http_duration) by service"#,
        help: "Duration of the requests that log records tell of.",
    },
];
