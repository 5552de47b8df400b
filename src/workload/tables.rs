//! What the generated lines talk about: services, message templates, paths, exceptions. Changing a table changes every
//! workload, so figures are comparable only between runs on the same tables.

/// The services; a trace walks from one to a near neighbour.
pub const SERVICES: [&str; 20] = [
    "gateway",
    "checkout",
    "cart",
    "catalog",
    "pricing",
    "inventory",
    "payments",
    "billing",
    "accounts",
    "sessions",
    "search-api",
    "recommender",
    "shipping",
    "notifier",
    "mailer",
    "reviews",
    "media",
    "ledger",
    "fraud-check",
    "reports",
];
/// Number of hosts; a service runs on [`HOSTS_PER_SERVICE`] of them.
pub const HOSTS: usize = 50;
/// Instances of one service.
pub const HOSTS_PER_SERVICE: usize = 5;
/// Number of users.
pub const USERS: u32 = 100_000;

/// Severity of a line, in the order of [`LEVELS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// 90 % of the lines.
    Info,
    /// 7 %.
    Warn,
    /// 3 %, each with an exception.
    Error,
}

/// Names of the levels.
pub const LEVELS: [&str; 3] = ["INFO", "WARN", "ERROR"];

/// Message templates. `{n}` is a number, `{k}` a small one, `{u}` the trace's user, `{a}` an address with port.
/// The first [`INFO_TEMPLATES`] are of level INFO, the next [`WARN_TEMPLATES`] of WARN, the rest of ERROR.
pub const TEMPLATES: [&str; 60] = [
    "request completed for user {u} from {a} in {k} steps, {n} bytes sent",
    "order {n} accepted, {k} items, total {n} cents",
    "session opened for {u} from {a} with token version {k}, nonce {n}",
    "cache hit for key profile:{n}, age {n} ms",
    "cache miss for key profile:{n}, loading from replica {k}",
    "published event order.created id {n} to partition {k}",
    "consumed event stock.reserved id {n} from partition {k} after {n} ms",
    "query returned {k} rows in {n} us on pool connection {k}",
    "reserved {k} units of article {n} in warehouse {k}",
    "price computed for basket {n}: {n} cents, {k} discounts applied",
    "mail queued for {u}, template welcome-{k}, batch {n}",
    "upstream {a} answered in {n} us, attempt {k}",
    "feature flag new-basket evaluated for {u}: variant {k}, salt {n}",
    "document {n} rendered, {k} pages, {n} bytes",
    "token refreshed for {u}, valid for {n} s, serial {n}",
    "page served to {a}, {n} bytes, {k} fragments",
    "search for article {n} gave {k} hits in {n} us",
    "recommendation list {n} built for {u} with {k} candidates in {n} us",
    "shipment {n} handed to carrier {k}, weight {n} g",
    "webhook {n} delivered to {a} after {k} attempts",
    "thumbnail {n} generated in {n} us, quality {k}",
    "ledger entry {n} written, balance {n}, currency {k}",
    "risk score {k} for order {n} of {u}",
    "review {n} published by {u}, {k} stars, revision {n}",
    "report {n} scheduled, window {k} h, owner {u}",
    "connection accepted from {a}, {k} in pool",
    "idle connection to {a} closed after {n} ms",
    "lock order:{n} acquired after {n} us by holder {n}",
    "lock order:{n} released, held {n} us",
    "transaction {n} committed with {k} statements",
    "rate limiter admitted {u} from {a}, {k} tokens left",
    "invoice {n} issued to {u}, due in {k} days",
    "refund {n} booked for order {n}, {k} positions",
    "basket {n} merged into basket {n} for {u}",
    "address of {u} verified by provider {k} in {n} ms",
    "export {n} streamed to {a}, {n} rows",
    "healthy replica {k} at {a} added to ring {n}",
    "configuration {n} loaded, {k} keys changed",
    "job {n} finished on worker {k}, {n} items",
    "login of {u} from {a} confirmed by factor {k}, session {n}",
    "payload of {n} bytes decoded into {k} records",
    "heartbeat from {a}, lag {n} ms, queue {k}, epoch {n}",
    "slow query on orders: {n} us, {k} rows scanned, plan {n}",
    "retry {k} of call to {a}, backoff {n} ms",
    "queue depth {n} above soft limit, {k} consumers active",
    "deprecated endpoint used by {u} from {a}, version {k}",
    "stock of article {n} low: {k} units left",
    "clock skew of {n} ms against {a}, sample {k}",
    "login of {u} refused from {a}, attempt {k}",
    "response of {a} truncated at {n} bytes, part {k}",
    "pool exhausted for {n} ms, {k} callers waiting",
    "circuit half open towards {a} after {n} ms, probe {k}",
    "connection reset by peer {a} after {n} bytes",
    "timeout after {n} ms waiting for {a}, attempt {k}",
    "deadlock detected on order {n}, victim {k}",
    "card of {u} declined by processor {k}, code {n}",
    "cannot parse payload of message {n} at byte {n}",
    "constraint violated for basket {n}, row {k}",
    "upstream {a} unavailable, circuit open for {n} ms",
    "disk quota exceeded on volume {k}, {n} bytes short",
];
/// How many of [`TEMPLATES`] are of level INFO.
pub const INFO_TEMPLATES: usize = 42;
/// How many of [`TEMPLATES`] are of level WARN.
pub const WARN_TEMPLATES: usize = 10;

/// Words that stand at the end of one message each in [`RARE_EVERY`] lines.
pub const RARE_WORDS: [&str; 8] =
    ["quetzal", "obsidian", "marzipan", "zeppelin", "xylophone", "kumquat", "tamarind", "walrus"];
/// Lines from one occurrence of a rare word to its next.
pub const RARE_EVERY: u64 = 100_000;

/// Method and path of requests; `{n}` is a number.
pub const ROUTES: [(&str, &str); 24] = [
    ("GET", "/api/v2/orders/{n}"),
    ("GET", "/api/v2/orders/{n}/items"),
    ("POST", "/api/v2/orders"),
    ("GET", "/api/v2/articles/{n}"),
    ("GET", "/api/v2/articles/{n}/stock"),
    ("PUT", "/api/v2/baskets/{n}"),
    ("POST", "/api/v2/baskets/{n}/items"),
    ("DELETE", "/api/v2/baskets/{n}/items"),
    ("GET", "/api/v2/profiles/{n}"),
    ("PATCH", "/api/v2/profiles/{n}"),
    ("POST", "/api/v2/sessions"),
    ("DELETE", "/api/v2/sessions/{n}"),
    ("GET", "/api/v2/search"),
    ("GET", "/api/v2/recommendations/{n}"),
    ("GET", "/api/v2/shipments/{n}/events"),
    ("POST", "/api/v2/payments"),
    ("GET", "/api/v2/payments/{n}"),
    ("POST", "/api/v2/refunds"),
    ("GET", "/api/v2/invoices/{n}/pdf"),
    ("POST", "/internal/events/{n}"),
    ("GET", "/internal/flags"),
    ("GET", "/media/images/{n}/small"),
    ("POST", "/hooks/carrier/{n}"),
    ("GET", "/health"),
];

/// Status codes by level.
pub const STATUSES: [&[u16]; 3] =
    [&[200, 200, 200, 200, 200, 201, 204, 304], &[400, 404, 409, 429], &[500, 502, 503, 504]];

/// Type and message of the exceptions.
pub const EXCEPTIONS: [(&str, &str); 8] = [
    ("java.net.SocketException", "Connection reset"),
    ("java.net.SocketTimeoutException", "Read timed out"),
    ("org.postgresql.util.PSQLException", "ERROR: deadlock detected"),
    ("com.acme.payments.DeclinedException", "card declined by issuer"),
    ("com.fasterxml.jackson.core.JsonParseException", "Unexpected end-of-input"),
    ("java.sql.SQLIntegrityConstraintViolationException", "duplicate key"),
    ("com.acme.http.UpstreamUnavailableException", "no healthy upstream"),
    ("java.io.IOException", "No space left on device"),
];
/// The fewest and the most frames of an exception.
pub const FRAMES: (u64, u64) = (8, 12);
/// Class, method and file of stack frames; an exception takes consecutive ones and adds line numbers.
pub const STACK: [(&str, &str); 24] = [
    ("com.acme.http.Client.execute", "Client.java"),
    ("com.acme.http.Retry.call", "Retry.java"),
    ("com.acme.orders.OrderService.place", "OrderService.java"),
    ("com.acme.orders.OrderRepository.save", "OrderRepository.java"),
    ("com.acme.stock.Reservation.confirm", "Reservation.java"),
    ("com.acme.payments.Processor.authorize", "Processor.java"),
    ("com.acme.payments.CardGateway.charge", "CardGateway.java"),
    ("com.acme.web.OrderController.create", "OrderController.java"),
    ("com.acme.web.ErrorFilter.doFilter", "ErrorFilter.java"),
    ("com.acme.tracing.SpanFilter.doFilter", "SpanFilter.java"),
    ("org.springframework.web.servlet.FrameworkServlet.service", "FrameworkServlet.java"),
    ("javax.servlet.http.HttpServlet.service", "HttpServlet.java"),
    ("org.apache.catalina.core.ApplicationFilterChain.doFilter", "ApplicationFilterChain.java"),
    ("org.apache.catalina.core.StandardWrapperValve.invoke", "StandardWrapperValve.java"),
    ("org.apache.coyote.http11.Http11Processor.service", "Http11Processor.java"),
    ("org.apache.tomcat.util.net.SocketProcessorBase.run", "SocketProcessorBase.java"),
    ("java.util.concurrent.ThreadPoolExecutor.runWorker", "ThreadPoolExecutor.java"),
    ("java.util.concurrent.ThreadPoolExecutor$Worker.run", "ThreadPoolExecutor.java"),
    ("java.lang.Thread.run", "Thread.java"),
    ("com.acme.db.Session.flush", "Session.java"),
    ("com.acme.db.Transaction.commit", "Transaction.java"),
    ("org.hibernate.internal.SessionImpl.doFlush", "SessionImpl.java"),
    ("org.postgresql.core.v3.QueryExecutorImpl.execute", "QueryExecutorImpl.java"),
    ("com.zaxxer.hikari.pool.HikariPool.getConnection", "HikariPool.java"),
];

/// Words to count: every word of four or more letters that stands in a template and in no exception, each with its templates.
pub fn counted_words() -> Vec<(&'static str, Vec<usize>)> {
    let mut words: Vec<&str> = TEMPLATES.iter().flat_map(|t| words_of(t)).collect();
    words.sort_unstable();
    words.dedup();
    words.retain(|word| word.len() >= 4 && !in_exceptions(word));
    let templates_with =
        |word| (0..TEMPLATES.len()).filter(|&t| words_of(TEMPLATES[t]).any(|w| w == word)).collect();
    words.into_iter().map(|word| (word, templates_with(word))).collect()
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| w.bytes().all(|b| b.is_ascii_lowercase()))
}

fn in_exceptions(word: &str) -> bool {
    let named = EXCEPTIONS.iter().flat_map(|(kind, message)| [*kind, *message]);
    let mut texts = named.chain(STACK.iter().flat_map(|(method, file)| [*method, *file]));
    texts.any(|text| text.to_ascii_lowercase().contains(word))
}
