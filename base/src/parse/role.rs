//! Which fields of a line are well known, by path alone: loggers write one thing under many keys.
//!
//! Paths are compared folded: lower-cased, without `.` `_` `-` `@` `/`, so `trace_id`, `traceId` and `trace.id` are one.
//! Some loggers put everything one level down; such wrappers are taken off first.

use super::hash::Scope;

/// The part a field plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A field of the application's own.
    Other,
    /// When it happened.
    Time,
    /// How bad it is.
    Level,
    /// Which service says it.
    Service,
    /// On which host.
    Host,
    /// The id of the trace.
    Trace,
    /// The id of the span.
    Span,
    /// The id of the request; stands in for a trace id.
    Request,
    /// Whom it concerns.
    User,
    /// What it says.
    Body,
    /// Part of an exception: type, message, stack.
    Exception,
}

/// Objects that hold all fields of a line.
const WRAPPERS: [&str; 3] = ["fields.", "@fields.", "record."];
/// Objects that hold ids beside other things; nothing but ids is looked for in them.
const CONTEXTS: [&str; 16] = [
    "contextMap.",
    "mdc.",
    "context.",
    "extra.",
    "labels.",
    "attr.",
    "attributes.",
    "State.",
    "Scopes.",
    "Properties.",
    "span.",
    "spans.",
    "dd.",
    "resource.",
    "payload.",
    "http.",
];
/// Objects whose every field belongs to an exception.
const EXCEPTION_ROOTS: [&str; 4] = ["exception.", "error.", "err.", "thrown."];
/// No well-known path is longer once folded.
const FOLDED_BYTES_MAX: usize = 28;

/// Folded paths of well-known fields.
const NAMES: [(Role, &[&str]); 12] = [
    (
        Role::Time,
        &["timestamp", "time", "ts", "datetime", "asctime", "date", "t$date", "timemillis", "eventtime"],
    ),
    (Role::Time, &["timetimestamp", "timerepr", "realtimetimestamp"]),
    (Role::Level, &["level", "severity", "severitytext", "loglevel", "levelname", "lvl", "errorseverity"]),
    (
        Role::Service,
        &["service", "servicename", "app", "appname", "application", "applicationname", "ddservice"],
    ),
    (Role::Service, &["otelservicename", "resourceservicename"]),
    (Role::Host, &["host", "hostname", "hosthostname", "sourcehost"]),
    (Role::Trace, &TRACE_NAMES),
    (Role::Span, &["spanid", "otelspanid", "ddspanid", "sp", "xb3spanid", "logginggoogleapiscomspanid"]),
    (Role::Request, &["requestid", "correlationid", "reqid", "xrequestid"]),
    (Role::User, &["user", "userid", "uid", "username"]),
    (Role::Body, &BODY_NAMES),
    (Role::Exception, &EXCEPTION_NAMES),
];
const TRACE_NAMES: [&str; 8] = [
    "traceid",
    "oteltraceid",
    "ddtraceid",
    "tr",
    "xb3traceid",
    "traceparent",
    "logginggoogleapiscomtrace",
    "xraytraceid",
];
const BODY_NAMES: [&str; 10] = [
    "message",
    "msg",
    "event",
    "shortmessage",
    "fullmessage",
    "body",
    "log",
    "text",
    "renderedmessage",
    "messagetemplate",
];
const EXCEPTION_NAMES: [&str; 10] = [
    "exception",
    "error",
    "err",
    "stack",
    "stacktrace",
    "excinfo",
    "thrown",
    "errorverbose",
    "errortype",
    "errormessage",
];

/// The part the field at `path` plays.
pub fn role_of(path: &str) -> Role {
    let path = WRAPPERS.iter().find_map(|wrapper| path.strip_prefix(wrapper)).unwrap_or(path);
    let role = role_at_root(path);
    if role != Role::Other || !path.contains('.') {
        return role;
    }
    let inner = CONTEXTS.iter().find_map(|context| path.strip_prefix(context));
    match inner.map(role_at_root) {
        Some(id @ (Role::Trace | Role::Span | Role::Request | Role::User | Role::Exception)) => id,
        _ => Role::Other,
    }
}

fn role_at_root(path: &str) -> Role {
    if EXCEPTION_ROOTS.iter().any(|root| path.starts_with(root)) {
        return Role::Exception;
    }
    match path {
        "@t" => return Role::Time,
        "@l" | "PRIORITY" => return Role::Level,
        "@m" | "@mt" => return Role::Body,
        "@x" => return Role::Exception,
        _ => {}
    }
    let mut buffer = [0; FOLDED_BYTES_MAX];
    fold(path, &mut buffer).map_or(Role::Other, role_of_folded)
}

fn role_of_folded(folded: &[u8]) -> Role {
    let known = NAMES.iter().find(|(_, names)| names.iter().any(|name| name.as_bytes() == folded));
    known.map_or(Role::Other, |&(role, _)| role)
}

/// A field's name and what it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) path: &'a str,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
}

impl<'a> Field<'a> {
    /// Looked up without a cache.
    pub(crate) fn of(path: &'a str) -> Self {
        let role = role_of(path);
        Self { path, role, scope: Scope::of(path, role) }
    }
}

/// Remembers what paths stand for: a service writes the same few on every line. Each path
/// has one of two slots, so the cache is bounded; it holds
/// the paths themselves, so that no two are ever taken for one.
#[derive(Default)]
pub(crate) struct RoleCache {
    slots: Vec<Option<Known>>,
}

struct Known {
    path: Box<str>,
    role: Role,
    scope: Scope,
    may_hold_head: bool,
}

/// Slots of a cache; a power of two.
const CACHE_SLOTS: usize = 512;

impl RoleCache {
    /// As [`role_of`], and the scope that follows from it.
    #[inline]
    pub(crate) fn field<'a>(&mut self, path: &'a str) -> Field<'a> {
        let (role, scope) = match self.known(path.as_bytes()) {
            Some(known) => (known.role, known.scope),
            None => {
                let learnt = self.learn(path);
                (learnt.role, learnt.scope)
            }
        };
        Field { path, role, scope }
    }

    /// The role of a key of the outermost object, and whether a time, level or service may be nested under it.
    /// `None` when it is not UTF-8.
    #[inline]
    pub(super) fn role_of_key(&mut self, key: &[u8]) -> Option<(Role, bool)> {
        if let Some(known) = self.known(key) {
            return Some((known.role, known.may_hold_head));
        }
        let learnt = self.learn(std::str::from_utf8(key).ok()?);
        Some((learnt.role, learnt.may_hold_head))
    }

    #[inline]
    fn known(&self, path: &[u8]) -> Option<&Known> {
        let slot = slot_of(path);
        let is_it = |known: &&Known| known.path.as_bytes() == path;
        let second = || self.slots[slot ^ 1].as_ref().filter(is_it);
        self.slots.get(slot)?.as_ref().filter(is_it).or_else(second)
    }

    #[cold]
    fn learn(&mut self, path: &str) -> &Known {
        let role = role_of(path);
        let (scope, may_hold_head) = (Scope::of(path, role), may_hold_head(path));
        self.slots.resize_with(CACHE_SLOTS, || None);
        let slot = slot_of(path.as_bytes());
        let slot = if self.slots[slot].is_some() { slot ^ 1 } else { slot };
        self.slots[slot].insert(Known { path: path.into(), role, scope, may_hold_head })
    }
}

/// Whether an object under this key of the outermost object may hold a time, a level or a service.
fn may_hold_head(key: &str) -> bool {
    if WRAPPERS.iter().any(|wrapper| wrapper.strip_suffix('.') == Some(key)) {
        return true;
    }
    let mut buffer = [0; FOLDED_BYTES_MAX];
    let Some(folded) = fold(key, &mut buffer) else {
        return false;
    };
    let head = NAMES.iter().filter(|(role, _)| matches!(role, Role::Time | Role::Level | Role::Service));
    head.flat_map(|(_, names)| *names).any(|name| name.as_bytes().starts_with(folded))
}

/// Its length and its ends tell most paths apart.
#[inline]
fn slot_of(path: &[u8]) -> usize {
    let word = |chunk: Option<&[u8; 4]>| chunk.map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)));
    let ends = match path {
        [a, .., b] if path.len() < 4 => u64::from(*a) << 8 | u64::from(*b),
        _ => word(path.first_chunk()) << 32 | word(path.last_chunk()),
    };
    let mixed = (ends ^ path.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 55) as usize % CACHE_SLOTS
}

/// `None` when it is longer than any known name.
fn fold<'b>(path: &str, buffer: &'b mut [u8; FOLDED_BYTES_MAX]) -> Option<&'b [u8]> {
    let mut len = 0;
    for byte in path.bytes().filter(|b| !matches!(b, b'.' | b'_' | b'-' | b'@' | b'/')) {
        *buffer.get_mut(len)? = byte.to_ascii_lowercase();
        len += 1;
    }
    Some(&buffer[..len])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_role_is_the_role() {
        let mut cache = RoleCache::default();
        let paths =
            ["message", "fields.message", "", "a", "trace_id", "http.status", "no_such_field_is_known"];
        for path in paths.iter().cycle().take(3 * paths.len()) {
            let field = cache.field(path);
            assert_eq!((field.path, field.role, field.scope), (*path, role_of(path), Scope::of_path(path)));
        }
    }

    #[test]
    fn keys_of_all_loggers() {
        let check = |role: Role, paths: &[&str]| {
            for path in paths {
                assert_eq!(role_of(path), role, "{path}");
            }
        };
        check(
            Role::Time,
            &["timestamp", "@timestamp", "time", "ts", "asctime", "@t", "t.$date", "record.time.timestamp"],
        );
        check(
            Role::Level,
            &[
                "level",
                "@level",
                "log.level",
                "levelname",
                "level_name",
                "@l",
                "record.level.name",
                "@fields.level",
            ],
        );
        check(Role::Service, &["service", "service.name", "service_name", "dd.service", "otelServiceName"]);
        check(Role::Host, &["host", "host.name", "hostname", "host.hostname", "source_host"]);
        check(
            Role::Trace,
            &[
                "trace_id",
                "traceId",
                "trace.id",
                "TraceId",
                "_trace_id",
                "dd.trace_id",
                "@tr",
                "X-B3-TraceId",
            ],
        );
        check(
            Role::Trace,
            &["traceparent", "logging.googleapis.com/trace", "contextMap.trace_id", "spans.traceId"],
        );
        check(Role::Request, &["request_id", "X-Request-ID", "context.reqId", "correlationId"]);
        check(Role::User, &["user", "user.id", "user_id", "userId", "username", "fields.user_id"]);
        check(
            Role::Body,
            &["message", "msg", "@message", "event", "short_message", "fields.message", "MESSAGE", "@m"],
        );
        check(
            Role::Exception,
            &["exception.type", "err.stack", "error.message", "stack_trace", "exc_info", "thrown.cause.name"],
        );
        check(Role::Exception, &["context.exception.message", "error", "stackTrace"]);
        check(
            Role::Other,
            &["", "duration_ms", "http.status", "context.message", "span.name", "a.level", "levels"],
        );
    }
}
