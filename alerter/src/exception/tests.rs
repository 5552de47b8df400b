//! Tests of whole exceptions, through the parser of records: what stays one group, what does not, pinned values.

mod browsers;
mod changes;
mod measured;

use super::*;
use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::multiline::Joiner;
use logweir_base::parse::{Parser, look};
use logweir_base::time::Timestamp;
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// The records of a log, as the shipper joins its lines and the router looks at them.
fn records_of(log: &str) -> Vec<Record> {
    let row = |line: &str| {
        let len = u32::try_from(line.len()).expect("a short line");
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    };
    let mut lines: Vec<_> = log.split_inclusive('\n').map(row).collect();
    Joiner::default().join(log.as_bytes(), &mut lines);
    let batch = Batch {
        source: SourceId([1; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines,
        codec: Codec::None,
        text_len: u32::try_from(log.len()).expect("a short log"),
        payload: Bytes::copy_from_slice(log.as_bytes()),
    };
    let resource = Resource { host: "vm".into(), path: "/var/log/shop.log".into(), ..Resource::default() };
    let received = Timestamp::parse("2026-11-24T00:00:00Z").expect("a time");
    let mut parser = Parser::new();
    let batch = look(&batch, Arc::new(resource), received, &mut parser).expect("a sound batch");
    batch.records.iter().map(|span| Record::of(&batch.view(span), &mut parser)).collect()
}

/// The exception of a log of one record.
#[track_caller]
fn exception_of(log: &str) -> Exception {
    let records = records_of(log);
    assert_eq!(records.len(), 1, "{log}");
    of(&records[0]).unwrap_or_else(|| panic!("no exception: {log}"))
}

/// The bytes of a file of the shared test material; says so when it is not there.
fn shared(file: &str) -> Option<Vec<u8>> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/exceptions")).join(file);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not here", path.display());
    }
    bytes
}

const JAVA: &str = "2026-11-23 06:46:24,116 ERROR [main] c.s.App - failed\n\
    com.shop.OrderException: order 17 of 'alice smith' failed\n\
    \tat com.shop.Orders.place(Orders.java:41)\n\
    \tat org.springframework.web.Servlet.service(Servlet.java:9)\n\
    \tat com.shop.Api.post(Api.java:9)\n\
    Caused by: java.sql.SQLException: gone\n\
    \tat org.postgresql.Driver.connect(Driver.java:4)\n\
    \tat com.shop.Stock.reserve(Stock.java:88)\n\
    \tat com.shop.Orders.place(Orders.java:39)\n\
    \t... 23 more\n";
const PYTHON: &str = "Traceback (most recent call last):\n  File \"/srv/shop/api.py\", line 12, in post\n    place(x)\n\
    \x20 File \"/srv/shop/orders.py\", line 7, in place\n    raise KeyError(x)\nKeyError: 'alice'\n";
const JAVASCRIPT: &str = "TypeError: Cannot read properties of undefined (reading 'id')\n    at place (/srv/shop/orders.js:4:31)\n\
    \x20   at Layer.handle [as handle_request] (/srv/node_modules/express/lib/router/layer.js:95:5)\n";
const GO: &str = "panic: assignment to entry in nil map\n\ngoroutine 4 [running]:\nmain.(*Orders).Place(0xc000012345, 0x1)\n\
    \t/srv/shop/orders.go:12 +0x1d\nmain.main()\n\t/srv/shop/main.go:9 +0x2e\nexit status 2\n";
const RUST: &str = "thread 'main' (8) panicked at src/orders.rs:12:5:\nindex out of bounds\nstack backtrace:\n\
    \x20  0: rust_begin_unwind\n             at /rustc/3f2a/library/std/src/panicking.rs:12:5\n\
    \x20  1: core::panicking::panic_fmt::h0123456789abcdef\n\
    \x20  2: shop::orders::place::{{closure}}::h3e3f98aa01bc2d45\n             at ./src/orders.rs:12:5\n\
    \x20  3: shop::main\n";
const DOTNET: &str = "Unhandled exception. System.InvalidOperationException: Sequence contains no elements\n\
    \x20  at System.Linq.ThrowHelper.ThrowNoElementsException()\n   at Shop.Orders.<Place>d__5.MoveNext() in /srv/Orders.cs:line 12\n";
const RUBY: &str = "/srv/shop/orders.rb:12:in `place': no stock for 7 (ArgumentError)\n\tfrom /srv/shop/api.rb:20:in `post'\n";
const PHP: &str = "PHP Fatal error:  Uncaught RuntimeException: no stock in /srv/shop/orders.php:5\nStack trace:\n\
    #0 /srv/shop/api.php(9): Shop\\Orders->place()\n#1 {main}\n  thrown in /srv/shop/orders.php on line 5\n";

#[test]
fn what_people_read() {
    let check = |log: &str, kind: &str, message: &str, root: &str, culprit: &str| {
        let exception = exception_of(log);
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let got = (
            text(&exception.kind),
            exception.message.clone(),
            text(&exception.root),
            text(&exception.culprit),
        );
        assert_eq!(got, (kind.into(), message.into(), root.into(), culprit.into()), "{log}");
    };
    let order = "order 17 of 'alice smith' failed";
    check(
        JAVA,
        "com.shop.OrderException",
        order,
        "java.sql.SQLException",
        "com.shop.Stock.reserve(Stock.java)",
    );
    check(PYTHON, "KeyError", "'alice'", "", "place(orders.py)");
    let undefined = "Cannot read properties of undefined (reading 'id')";
    check(JAVASCRIPT, "TypeError", undefined, "", "place(orders.js)");
    check(GO, "panic", "assignment to entry in nil map", "", "main.(*Orders).Place(orders.go)");
    check(RUST, "panic", "index out of bounds", "", "shop::orders::place");
    let empty = "Sequence contains no elements";
    check(
        DOTNET,
        "System.InvalidOperationException",
        empty,
        "",
        "Shop.Orders.<Place>d__5.MoveNext(Orders.cs)",
    );
    check(RUBY, "ArgumentError", "no stock for 7", "", "place(orders.rb)");
    check(PHP, "RuntimeException", "no stock in /srv/shop/orders.php:5", "", "Shop\\Orders->place(api.php)");
    check("2026-11-23 06:46:24,116 ERROR [main] c.s.App - lost 3 orders\n", "", "lost 3 orders", "", "");
    let listed =
        r#"{"level":"error","msg":"m","exception":{"class":"E","message":"boom","trace":["/srv/t.php:8"]}}"#;
    check(listed, "E", "boom", "", "t.php");
    let guarded = "java.lang.Error: x\n\tat a.Args.checkNotNull(Args.java:1)\n\tat a.B.c(B.java:2)\n";
    check(guarded, "java.lang.Error", "x", "", "a.B.c(B.java)");
}

#[test]
fn errors_that_name_no_type_are_told_by_what_they_say() {
    let log = |message: &str, error: &str| {
        let json = serde_json::json!({"level": "error", "msg": message, "error": error});
        exception_of(&format!("{json}\n"))
    };
    let (a, b) = (log("order 1 failed", "no answer in 5 s"), log("order 22 failed", "no answer in 17 s"));
    assert_eq!(a.fingerprint, b.fingerprint);
    assert_eq!((a.kind, &*a.message), (None, "no answer in 5 s"));
    assert_ne!(a.fingerprint, log("cart 1 failed", "no answer in 5 s").fingerprint);
    assert_ne!(a.fingerprint, log("order 1 failed", "refused").fingerprint);
    // Two statements of one function, with the stack of the statement, as zap writes it.
    let stack = "main.place\n\t/srv/shop/orders.go:12\nmain.main\n\t/srv/shop/main.go:9";
    let zap = |message: &str, error: &str| {
        let json = serde_json::json!({"level": "error", "msg": message, "error": error, "stacktrace": stack});
        exception_of(&format!("{json}\n"))
    };
    let (a, b) = (zap("order 1 failed", "no answer in 5 s"), zap("order 22 failed", "no answer in 17 s"));
    assert_eq!(a.fingerprint, b.fingerprint);
    assert_eq!(a.culprit.as_deref(), Some("main.place(orders.go)"));
    assert_ne!(a.fingerprint, zap("order 1 is late", "no answer in 5 s").fingerprint);
}

#[test]
fn records_that_are_no_exceptions() {
    let none = |log: &str| assert_eq!(records_of(log).iter().find_map(of), None, "{log}");
    none("2026-11-23 06:46:24,116 INFO [main] c.s.App - all is well\n");
    none("2026-11-23 06:46:24,116 WARN [main] c.s.App - slow\n");
    none("what is this\n");
}

/// Stored with the groups: when one of these changes, every group of its kind is a new one.
#[test]
fn fingerprints_are_pinned() {
    let check = |log: &str, expected: &str| {
        assert_eq!(exception_of(log).fingerprint.to_string(), expected, "{log}");
    };
    check(JAVA, "e693e074f14718d2");
    check(PYTHON, "c461d42e208ae37b");
    check(JAVASCRIPT, "5d1c6480c641c7ce");
    check(GO, "aac7bcd63de93436");
    check(RUST, "9183036551fe48e5");
    check(DOTNET, "a584ac87820f4eb6");
    check(RUBY, "0e85f159f0e27b5b");
    check(PHP, "7dd0a9adc97cc155");
    check("2026-11-23 06:46:24,116 ERROR [main] c.s.App - lost 3 orders\n", "8d25add21396a94d");
}

#[test]
fn different_faults_stay_apart() {
    let check = |a: &str, b: &str| {
        assert_ne!(a, b);
        assert_ne!(exception_of(a).fingerprint, exception_of(b).fingerprint, "{a}\n{b}");
    };
    let differs = |log: &str, from: &str, to: &str| check(log, &log.replace(from, to));
    differs(JAVA, "com.shop.OrderException", "com.shop.CartException");
    differs(JAVA, "java.sql.SQLException", "java.io.IOException");
    differs(JAVA, "com.shop.Stock.reserve", "com.shop.Stock.release");
    differs(PYTHON, "KeyError", "ValueError");
    differs(PYTHON, "in place", "in cancel");
    differs(PYTHON, "orders.py", "carts.py");
    differs(JAVASCRIPT, "TypeError", "RangeError");
    differs(JAVASCRIPT, "at place", "at cancel");
    differs(JAVASCRIPT, "orders.js", "carts.js");
    differs(GO, "Place", "Cancel");
    differs(RUST, "::place", "::cancel");
    differs(DOTNET, "<Place>", "<Cancel>");
    differs(DOTNET, "System.InvalidOperationException", "System.IO.IOException");
    differs(RUBY, "`place'", "`cancel'");
    differs(PHP, "->place", "->cancel");
    let written = "2026-11-23 06:46:24,116 ERROR [main] c.s.App - lost 3 orders\n";
    differs(written, "lost", "found");
    let guarded = "java.lang.Error: x\n\tat a.Args.checkNotNull(Args.java:1)\n\tat a.B.c(B.java:2)\n\tat a.D.e(D.java:2)\n";
    differs(guarded, "a.Args.checkNotNull", "a.Args.checkPositive");
    differs(guarded, "a.B.c", "a.B.d");
    differs(guarded, "a.D.e", "a.D.f");
    // Panics of programs without backtraces are told by where and what.
    let bare = "thread 'main' (8) panicked at src/orders.rs:12:5:\nindex out of bounds\nnote: run with\n";
    differs(bare, "orders.rs", "carts.rs");
    differs(bare, "index out of", "attempt to leave");
}

proptest! {
    #[test]
    fn any_text_is_understood(
        words in prop::collection::vec(prop::sample::select(vec![
            "Traceback (most recent call last):", "\n", "\t", " ", "  ", "\\n", "\\t", "at ", "a.B.c", "(", "B.java:1)", "\r\n",
            "Caused by: ", "Suppressed: ", "X: boom", "File \"/a/b.py\", line 1, in f", "panic(", ".go:12", " ---> ", "#0 ", "):",
            "/a.php(1): ", "é", "@", "http://", ":1:2", "goroutine ", "thread '", " panicked at ", "0: ", "::", "::h0123456789abcdef",
            "[", "]", "$$", "lambda$", "--- End of inner exception", ":in `", "'", "Line 1 of linked script ", "called from line ",
            "0x1 in ", "Next ", "[cause]: ", "During handling of the above exception", "DisplayClass", "9", "|", "\u{2018}", "async ",
        ]), 0..40),
        any: String,
    ) {
        for text in [words.concat(), any] {
            let understood = understand(&Occurrence { kind: None, message: &text, stacktrace: &text, beside: &text });
            prop_assert!(understood.message.len() <= MESSAGE_BYTES_MAX);
            prop_assert!(understood.culprit.is_none_or(|culprit| culprit.len() <= CULPRIT_BYTES_MAX));
            prop_assert!(understood.kind.is_none_or(|kind| kind.len() <= KIND_BYTES_MAX));
        }
    }

    /// With frames and without.
    #[test]
    fn values_in_a_message_do_not_matter(
        a in "-?[0-9]{1,12}|0x[0-9a-f]{1,16}|[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}|'[a-z ]{1,20}'|[0-9a-f]{7}1-[0-9a-f]{4}-[0-9a-f]{12}",
        b in "-?[0-9]{1,12}|0x[0-9a-f]{1,16}|[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}|'[a-z ]{1,20}'|[0-9a-f]{7}1-[0-9a-f]{4}-[0-9a-f]{12}",
        frames in prop::sample::select(vec!["", "\n\tat com.shop.Orders.place(Orders.java:41)"]),
    ) {
        let of = |value: &str| {
            let message = format!("order {value} is gone");
            let stacktrace = format!("a.B: {message}{frames}");
            understand(&Occurrence { kind: Some("a.B"), message: &message, stacktrace: &stacktrace, beside: "" }).fingerprint
        };
        prop_assert_eq!(of(&a), of(&b));
    }
}
