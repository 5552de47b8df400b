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
    match folded {
        b"timestamp" | b"time" | b"ts" | b"datetime" | b"asctime" | b"date" | b"t$date" | b"timemillis"
        | b"timetimestamp" | b"timerepr" | b"realtimetimestamp" | b"eventtime" => Role::Time,
        b"level" | b"severity" | b"severitytext" | b"loglevel" | b"levelname" | b"lvl" | b"errorseverity" => {
            Role::Level
        }
        b"service"
        | b"servicename"
        | b"app"
        | b"application"
        | b"applicationname"
        | b"appname"
        | b"ddservice"
        | b"otelservicename"
        | b"resourceservicename" => Role::Service,
        b"host" | b"hostname" | b"hosthostname" | b"sourcehost" => Role::Host,
        b"traceid"
        | b"oteltraceid"
        | b"ddtraceid"
        | b"tr"
        | b"xb3traceid"
        | b"traceparent"
        | b"logginggoogleapiscomtrace"
        | b"xraytraceid" => Role::Trace,
        b"spanid" | b"otelspanid" | b"ddspanid" | b"sp" | b"xb3spanid" | b"logginggoogleapiscomspanid" => {
            Role::Span
        }
        b"requestid" | b"correlationid" | b"reqid" | b"xrequestid" => Role::Request,
        b"user" | b"userid" | b"uid" | b"username" => Role::User,
        b"message" | b"msg" | b"event" | b"shortmessage" | b"fullmessage" | b"body" | b"log" | b"text"
        | b"renderedmessage" | b"messagetemplate" => Role::Body,
        b"exception" | b"error" | b"err" | b"stack" | b"stacktrace" | b"excinfo" | b"thrown"
        | b"errorverbose" | b"errortype" | b"errormessage" => Role::Exception,
        _ => Role::Other,
    }
}

/// A field's name and what it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) path: &'a str,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
}

/// Remembers what paths stand for: a service writes the same few on every line. Direct-mapped, so bounded; it holds
/// the paths themselves, so that no two are ever taken for one.
#[derive(Default)]
pub(crate) struct RoleCache {
    slots: Vec<Option<(Box<str>, Role, Scope)>>,
}

/// Slots of a cache; a power of two.
const CACHE_SLOTS: usize = 512;
/// Longer paths are not worth their place.
const CACHED_BYTES_MAX: usize = 64;

impl RoleCache {
    /// As [`role_of`], and the scope that follows from it.
    #[inline]
    pub(crate) fn field<'a>(&mut self, path: &'a str) -> Field<'a> {
        let slot = slot_of(path.as_bytes());
        match self.slots.get(slot) {
            Some(Some((known, role, scope))) if **known == *path => {
                Field { path, role: *role, scope: *scope }
            }
            _ => self.miss(path, slot),
        }
    }

    #[cold]
    fn miss<'a>(&mut self, path: &'a str, slot: usize) -> Field<'a> {
        let role = role_of(path);
        let scope = Scope::of(path, role);
        if path.len() <= CACHED_BYTES_MAX {
            self.slots.resize_with(CACHE_SLOTS, || None);
            self.slots[slot] = Some((path.into(), role, scope));
        }
        Field { path, role, scope }
    }
}

/// Its length and its ends tell most paths apart.
#[inline]
fn slot_of(path: &[u8]) -> usize {
    let ends = match (path.first_chunk::<8>(), path.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(21),
        _ => path.iter().fold(0, |ends, &byte| ends << 8 | u64::from(byte)),
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
