//! Which fields of a line are well known, by path alone: loggers write one thing under many keys.
//!
//! Paths are compared folded: lower-cased, without `.` `_` `-` `@` `/`, so `trace_id`, `traceId` and `trace.id` are one.
//! Some loggers put everything one level down; such wrappers are taken off first.

use super::hash::Scope;
use super::layout::json::Evidence;

/// The part a field plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A field of the application's own.
    Other,
    /// When it happened.
    Time,
    /// Nanoseconds that belong to a time of whole seconds.
    Nanos,
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
    /// The id of the span that this one is part of.
    Parent,
    /// The id of the request; stands in for a trace id.
    Request,
    /// Whom it concerns.
    User,
    /// What it says.
    Body,
    /// Part of an exception: type, message, stack.
    Exception,
    /// `name`: the service in some layouts, the logger in others.
    Name,
    /// `type`: the service in some layouts.
    Type,
    /// `s`: the level in some layouts.
    Short,
    /// The method of a request; with path and status it is the message of a record without one.
    Method,
    /// The path of a request.
    Path,
    /// The status of an answer.
    Status,
    /// All of a record that is not JSON.
    Text,
}

impl Role {
    /// Whether such a field means what the application means by it: its numbers can be measured and compared.
    pub fn is_own(self) -> bool {
        matches!(
            self,
            Self::Other | Self::Name | Self::Type | Self::Short | Self::Method | Self::Path | Self::Status
        )
    }
}

/// Objects that hold all fields of a line, and what is added to the rank of a field in them.
const WRAPPERS: [(&str, u8); 3] = [("fields.", WRAPPED_RANK), ("@fields.", WRAPPED_RANK), ("record.", 0)];
/// Objects that hold ids beside other things; nothing but ids is looked for in them.
const CONTEXTS: [&str; 17] = [
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
    "named_tags.",
    "http.",
];
/// Objects whose every field belongs to an exception.
const EXCEPTION_ROOTS: [&str; 4] = ["exception.", "error.", "err.", "thrown."];
/// No well-known path is longer once folded.
const FOLDED_BYTES_MAX: usize = 28;
/// A field of a wrapper ranks behind those of the record itself, and a field of a context behind these.
const WRAPPED_RANK: u8 = 50;
const NESTED_RANK: u8 = 100;

/// Folded paths of well-known fields. Where several of one role say something, the one that stands first here counts.
const NAMES: [(Role, &[&str]); 18] = [
    (
        Role::Time,
        &["timestamp", "time", "ts", "t$date", "datetime", "date", "asctime", "timerepr", "timetimestamp"],
    ),
    (Role::Time, &["instantepochsecond", "timemillis", "timestampseconds"]),
    (Role::Nanos, &["instantnanoofsecond", "timestampnanos"]),
    (Role::Level, &["level", "severity", "severitytext", "loglevel", "levelname", "lvl"]),
    (Role::Level, &["priority", "levelno", "levelvalue"]),
    (
        Role::Service,
        &["servicename", "service", "app", "appname", "application", "applicationname", "ddservice"],
    ),
    (Role::Service, &["otelservicename", "resourceservicename"]),
    (Role::Host, &["host", "hostname", "hosthostname", "sourcehost"]),
    (Role::Trace, &TRACE_NAMES),
    (Role::Span, &["spanid", "otelspanid", "ddspanid", "sp", "xb3spanid", "logginggoogleapiscomspanid"]),
    (Role::Parent, &["parentspanid", "parentid", "ddparentid", "otelparentspanid", "xb3parentspanid"]),
    (Role::Request, &["requestid", "correlationid", "reqid", "xrequestid", "awsrequestid"]),
    (Role::User, &["userid", "uid", "enduserid", "usrid", "user", "username", "sub", "customerid"]),
    (Role::Body, &BODY_NAMES),
    (Role::Exception, &EXCEPTION_NAMES),
    (Role::Method, &["method"]),
    (Role::Path, &["path"]),
    (Role::Status, &["status"]),
];
/// Paths that are well known in this spelling only.
const EXACT: [(&str, Role, u8); 21] = [
    ("@t", Role::Time, 0),
    ("t", Role::Time, 29),
    ("eventTime", Role::Time, 30),
    ("__REALTIME_TIMESTAMP", Role::Time, 31),
    ("start_time", Role::Time, 32),
    ("StartUTC", Role::Time, 33),
    ("@l", Role::Level, 0),
    ("error_severity", Role::Level, 30),
    ("_SYSTEMD_UNIT", Role::Service, 30),
    // The number of the account that the process runs as.
    ("_UID", Role::Other, 0),
    // PostgreSQL's: the client's.
    ("application_name", Role::Other, 0),
    ("@m", Role::Body, 0),
    ("@mt", Role::Body, 1),
    ("@x", Role::Exception, 0),
    ("name", Role::Name, 0),
    ("type", Role::Type, 0),
    ("s", Role::Short, 0),
    ("RequestMethod", Role::Method, 0),
    ("RequestPath", Role::Path, 0),
    ("DownstreamStatus", Role::Status, 0),
    ("response_code", Role::Status, 1),
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
const BODY_NAMES: [&str; 11] = [
    "msg",
    "message",
    "renderedmessage",
    "shortmessage",
    "event",
    "body",
    "messagetemplate",
    "log",
    "text",
    "description",
    "fullmessage",
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
    part_of(path).0
}

/// The part the field at `path` plays, and its rank among the fields that play it: the least counts.
fn part_of(path: &str) -> (Role, u8) {
    let in_wrapper = |(wrapper, rank): &(&str, u8)| path.strip_prefix(wrapper).map(|path| (path, *rank));
    let (unwrapped, behind) = WRAPPERS.iter().find_map(in_wrapper).unwrap_or((path, 0));
    let (role, rank) = part_at_root(unwrapped);
    if role != Role::Other || !unwrapped.contains('.') {
        return (role, rank + behind);
    }
    let inner = CONTEXTS.iter().find_map(|context| unwrapped.strip_prefix(context));
    match inner.map(part_at_root) {
        Some((role, rank)) if role.is_of_context() => (role, rank.saturating_add(NESTED_RANK)),
        _ => (Role::Other, 0),
    }
}

fn part_at_root(path: &str) -> (Role, u8) {
    if EXCEPTION_ROOTS.iter().any(|root| path.starts_with(root)) {
        return (Role::Exception, 0);
    }
    if let Some((_, role, rank)) = EXACT.iter().find(|(exact, ..)| *exact == path) {
        return (*role, *rank);
    }
    let mut buffer = [0; FOLDED_BYTES_MAX];
    fold(path, &mut buffer).map_or((Role::Other, 0), part_of_folded)
}

fn part_of_folded(folded: &[u8]) -> (Role, u8) {
    let mut rank = 0;
    let mut latest = Role::Other;
    for (role, names) in NAMES {
        rank = if role == latest { rank } else { 0 };
        latest = role;
        for name in names {
            if name.as_bytes() == folded {
                return (role, rank);
            }
            rank += 1;
        }
    }
    (Role::Other, 0)
}

/// A field's name and what it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) path: &'a str,
    pub(crate) role: Role,
    /// Among fields of one role the least counts.
    pub(crate) rank: u8,
    pub(crate) scope: Scope,
    /// Its bit, when it is a key that layouts are told by.
    pub(crate) evidence: u128,
}

impl<'a> Field<'a> {
    /// Looked up without a cache.
    pub(crate) fn of(path: &'a str) -> Self {
        let (role, rank) = part_of(path);
        Self { path, role, rank, scope: Scope::of(path, role), evidence: Evidence::of_path(path) }
    }
}

/// Remembers what paths stand for: a service writes the same few on every line. Each path
/// has one of two slots, so the cache is bounded; it holds
/// the paths themselves, so that no two are ever taken for one.
#[derive(Default)]
pub(crate) struct RoleCache {
    slots: Vec<Option<Known>>,
}

/// What a path stands for.
pub(super) struct Known {
    packed: Packed,
    pub(super) path: Box<str>,
    pub(super) role: Role,
    pub(super) rank: u8,
    pub(super) scope: Scope,
    /// Whether a part of the head may be nested under it.
    pub(super) may_hold_head: bool,
    /// Whether an exception may be nested under it.
    pub(super) may_hold_exception: bool,
    pub(super) evidence: u128,
}

/// Slots of a cache; a power of two.
const CACHE_SLOTS: usize = 512;

impl RoleCache {
    /// As [`role_of`], and what follows from it.
    #[inline]
    pub(crate) fn field<'a>(&mut self, path: &'a str) -> Field<'a> {
        let known = match self.place_of(path.as_bytes()) {
            Ok(slot) => &self.slots[slot],
            Err(packed) => self.learn(path, packed),
        };
        let Known { role, rank, scope, evidence, .. } = *known.as_ref().expect("a place that is taken");
        Field { path, role, rank, scope, evidence }
    }

    /// What a key of the outermost object stands for. `None` when it is not UTF-8.
    #[inline]
    pub(super) fn key(&mut self, key: &[u8]) -> Option<&Known> {
        match self.place_of(key) {
            Ok(slot) => self.slots[slot].as_ref(),
            Err(packed) => self.learn(std::str::from_utf8(key).ok()?, packed).as_ref(),
        }
    }

    #[inline]
    fn place_of(&self, path: &[u8]) -> Result<usize, Packed> {
        let packed = Packed::of(path);
        let is_it = |slot: usize| {
            let known = self.slots.get(slot).and_then(Option::as_ref);
            known.is_some_and(|known| {
                known.packed == packed && (packed.is_all() || known.path.as_bytes() == path)
            })
        };
        let slot = packed.slot();
        if is_it(slot) {
            return Ok(slot);
        }
        if is_it(slot ^ 1) { Ok(slot ^ 1) } else { Err(packed) }
    }

    #[cold]
    fn learn(&mut self, path: &str, packed: Packed) -> &Option<Known> {
        let Field { role, rank, scope, evidence, .. } = Field::of(path);
        let (may_hold_head, may_hold_exception) = (may_hold_head(path), is_key_of(path, CONTEXTS));
        self.slots.resize_with(CACHE_SLOTS, || None);
        let slot = packed.slot();
        let slot = if self.slots[slot].is_some() { slot ^ 1 } else { slot };
        self.slots[slot] = Some(Known {
            packed,
            path: path.into(),
            role,
            rank,
            scope,
            may_hold_head,
            may_hold_exception,
            evidence,
        });
        &self.slots[slot]
    }
}

/// Length, first and last bytes of a path: all of it when it has no more than sixteen, so that comparing two takes no call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packed {
    first: u64,
    last: u64,
    len: usize,
}

impl Packed {
    #[inline]
    fn of(path: &[u8]) -> Self {
        let word = |chunk: Option<&[u8; 4]>| chunk.map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)));
        let (first, last) = match (path.first_chunk::<8>(), path.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ if path.len() >= 4 => (word(path.first_chunk()), word(path.last_chunk())),
            _ => (path.iter().fold(0, |packed, &byte| packed << 8 | u64::from(byte)), 0),
        };
        Self { first, last, len: path.len() }
    }

    /// Whether equal ones are of equal paths.
    fn is_all(self) -> bool {
        self.len <= 16
    }

    fn slot(self) -> usize {
        let mixed = self.first ^ self.last.rotate_left(32) ^ (self.len as u64) << 56;
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) as usize % CACHE_SLOTS
    }
}

fn is_key_of<const N: usize>(key: &str, objects: [&str; N]) -> bool {
    objects.iter().any(|object| object.strip_suffix('.') == Some(key))
}

/// Whether an object under this key of the outermost object may hold a part of the head.
fn may_hold_head(key: &str) -> bool {
    if is_key_of(key, WRAPPERS.map(|(wrapper, _)| wrapper)) {
        return true;
    }
    let mut buffer = [0; FOLDED_BYTES_MAX];
    let Some(folded) = fold(key, &mut buffer) else {
        return false;
    };
    let head = NAMES.iter().filter(|(role, _)| role.is_of_head());
    head.flat_map(|(_, names)| *names).any(|name| name.as_bytes().starts_with(folded))
}

impl Role {
    /// Whether it is looked for in contexts too.
    fn is_of_context(self) -> bool {
        matches!(self, Self::Trace | Self::Span | Self::Parent | Self::Request | Self::User | Self::Exception)
    }

    /// Whether the one look at every record wants it.
    pub(super) fn is_of_head(self) -> bool {
        matches!(
            self,
            Self::Time
                | Self::Nanos
                | Self::Level
                | Self::Service
                | Self::Body
                | Self::Name
                | Self::Type
                | Self::Short
                | Self::Method
                | Self::Path
                | Self::Status
        )
    }
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
        let paths = [
            "message",
            "fields.message",
            "",
            "a",
            "ab",
            "abc",
            "\0ab",
            "trace_id",
            "http.status",
            "http.statut",
            "a.path.of.16.byte",
            "no_such_field_is_known",
            "no_such_fielt_is_known",
        ];
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
        check(
            Role::Parent,
            &[
                "parent_id",
                "parentSpanId",
                "parent.id",
                "dd.parent_id",
                "parent_span_id",
                "X-B3-ParentSpanId",
                "contextMap.parentId",
                "span.parent_id",
            ],
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
