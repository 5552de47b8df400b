//! What changes between two occurrences of one fault, and between two ways of writing one trace, keeps its group. A test for
//! each.

use super::*;

#[track_caller]
fn same(a: &str, b: &str) {
    assert_ne!(a, b);
    let (a_is, b_is) = (exception_of(a), exception_of(b));
    assert_eq!(a_is.fingerprint, b_is.fingerprint, "{a}\n{a_is:?}\n{b}\n{b_is:?}");
}

#[track_caller]
fn same_with(log: &str, from: &str, to: &str) {
    same(log, &log.replace(from, to));
}

/// A trace whose decisive frame is `frame`, under a guard, so that two callers count.
fn guarded(frame: &str) -> String {
    format!(
        "2026-11-23 06:46:24,116 ERROR [main] c.s.App - failed\njava.lang.IllegalStateException: boom\n\
         \tat com.shop.Args.check(Args.java:5)\n\tat {frame}\n\tat com.shop.Api.post(Api.java:9)\n\
         \tat java.base/java.lang.Thread.run(Thread.java:840)\n"
    )
}

#[test]
fn other_line_numbers() {
    same_with(JAVA, ".java:", ".java:1");
    same_with(PYTHON, ", line ", ", line 1");
    same(JAVASCRIPT, &JAVASCRIPT.replace(":4:31", ":5:1"));
    same_with(GO, ".go:", ".go:1");
    same_with(RUST, ":12:5", ":13:1");
    same_with(DOTNET, ":line ", ":line 1");
    same_with(RUBY, ".rb:", ".rb:1");
    same(PHP, &PHP.replace(".php:5", ".php:7").replace("(9)", "(10)").replace("line 5", "line 7"));
}

/// What a message says of this occurrence; with frames, and without them, where the message decides.
#[test]
fn values_in_the_message() {
    for frames in ["", "\n\tat com.shop.Orders.place(Orders.java:41)"] {
        let log = |said: &str| {
            format!(
                "2026-11-23 06:46:24,116 ERROR [main] c.s.App - failed\na.BoomException: {said}{frames}\n"
            )
        };
        let check = |a: &str, b: &str| same(&log(a), &log(b));
        check("in thread http-nio-8080-exec-5", "in thread http-nio-8080-exec-17");
        check("pid 4711 died", "pid 12 died");
        check("no answer from 10.0.0.1:5432", "no answer from 10.12.0.133:6432");
        check("at address 0x7ffe00aa", "at address 0x55d0");
        check("at address 00007ffe00aabbcc", "at address 00007ffe00aabbcd");
        check(
            "id 3f2504e0-4f89-11d3-9a0c-0305e82c3301 is gone",
            "id 99c2d4c0-1c1b-4be8-8a3e-d0c4e1c4cd70 is gone",
        );
        check("took 12.5 s of 10", "took 7 s of 5000");
        check("no user 'alice smith' here", "no user 'bob' here");
        check("no user \"alice smith\" here", "no user \"bob\" here");
        check("no user `alice smith` here", "no user `bob` here");
    }
}

#[test]
fn lambda_objects() {
    let log = |lambda: &str, number: u32| {
        guarded(&format!(
            "com.shop.Orders$$Lambda${lambda}.run(Unknown Source)\n\tat com.shop.Orders.lambda$place${number}(Orders.java:1)"
        ))
    };
    same(&log("12/0x0000000800c03000", 3), &log("417/0x00007f1e2c1b3a40", 8));
    same(&log("12/1234567", 3), &log("14/0x00007f1e2c1b3a40", 3));
}

#[test]
fn generated_method_accessors() {
    let log = |package: &str, number: u32| {
        guarded(&format!("{package}.GeneratedMethodAccessor{number}.invoke(Unknown Source)"))
    };
    same(&log("sun.reflect", 47), &log("sun.reflect", 1048));
    same(&log("jdk.internal.reflect", 47), &log("sun.reflect", 3));
}

#[test]
fn proxies() {
    let log = |class: &str| guarded(&format!("{class}.place(Unknown Source)"));
    same(&log("com.sun.proxy.$Proxy33"), &log("com.sun.proxy.$Proxy104"));
    same(&log("jdk.proxy2.$Proxy33"), &log("com.sun.proxy.$Proxy7"));
    same(&log("$Proxy33"), &log("$Proxy7"));
}

#[test]
fn cglib_suffixes() {
    let log = |suffix: &str| guarded(&format!("com.shop.Orders{suffix}.place(<generated>)"));
    same(&log("$$EnhancerBySpringCGLIB$$1a2b3c4d"), &log("$$EnhancerBySpringCGLIB$$99aa"));
    same(&log("$$EnhancerBySpringCGLIB$$1a2b3c4d"), &log("$$SpringCGLIB$$0"));
    same(&log("$$FastClassBySpringCGLIB$$1a2b"), &log("$$FastClassBySpringCGLIB$$77"));
}

#[test]
fn goroutine_ids() {
    same_with(GO, "goroutine 4", "goroutine 18230");
}

#[test]
fn hex_arguments() {
    same_with(GO, "(0xc000012345, 0x1)", "(0xc0000fffe0, {0x7f, 0x2}, ...)");
    same_with(GO, "+0x1d", "+0x2f fp=0xc42003f7d8 sp=0xc42003f7b8 pc=0x451339");
}

#[test]
fn hashes_of_rust() {
    same_with(RUST, "h3e3f98aa01bc2d45", "h00aa98aa01bc2d45");
    same_with(RUST, "::h3e3f98aa01bc2d45", "");
    same_with(RUST, "/rustc/3f2a/", "/rustc/90b35a/");
}

#[test]
fn frames_left_out() {
    same_with(JAVA, "... 23 more", "... 4 more");
    same_with(JAVA, "... 23 more", "... 23 common frames omitted");
    same_with(
        JAVA,
        "\t... 23 more",
        "\tat org.springframework.web.Servlet.service(Servlet.java:9)\n\tat com.shop.Api.post(Api.java:9)",
    );
    // A guard's callers are in the part that is left out.
    let guarded = JAVA.replace("com.shop.Stock.reserve", "com.shop.Stock.checkOpen");
    same_with(
        &guarded,
        "\t... 23 more",
        "\tat org.springframework.web.Servlet.service(Servlet.java:9)\n\tat com.shop.Api.post(Api.java:9)",
    );
}

#[test]
fn depth_of_causes() {
    let header = "com.shop.OrderException: order 17 of 'alice smith' failed\n";
    let wrapped = |by: &str| {
        JAVA.replace(header, &format!("{by}\n\tat com.shop.Pool.run(Pool.java:1)\nCaused by: {header}"))
    };
    same(JAVA, &wrapped("java.util.concurrent.ExecutionException: failed"));
    same(JAVA, &wrapped("java.lang.RuntimeException: failed"));
    same(JAVA, &wrapped("com.shop.PoolException: com.shop.OrderException: order 17"));
    let middle = "Caused by: com.shop.StockException: no stock\n\tat com.shop.Stock.find(Stock.java:3)\n\t... 2 more\n";
    same_with(JAVA, "Caused by:", &format!("{middle}Caused by:"));
}

#[test]
fn truncation_at_16_kib() {
    let deep = |frame: &str| frame.repeat(300);
    let java = JAVA
        .replace("\t... 23 more\n", &deep("\tat com.shop.collections.immutable.Tree.visit(Tree.java:3)\n"));
    assert!(java.len() > 16 << 10);
    same(&java, text::prefix(&java, 16 << 10));
    let go = format!(
        "{}\n{}",
        GO.replace("exit status 2\n", ""),
        deep("goroutine 5 [select]:\nmain.other(0xc000012345, 0xc000012345)\n\t/srv/shop/m.go:7 +0x2\n")
    );
    same(&go, text::prefix(&go, 16 << 10));
    // The limit falls between the causes.
    let causes = JAVA.replace(
        "Caused by:",
        &format!("{}Caused by:", deep("\tat com.shop.collections.immutable.Tree.visit(Tree.java:3)\n")),
    );
    same(&causes, text::prefix(&causes, 16 << 10));
    // As a line of docker's, cut within its JSON.
    let escaped = format!(
        "{{\"level\":\"error\",\"message\":\"failed\",\"stack_trace\":{}}}\n",
        serde_json::json!(java)
    );
    same(&escaped, text::prefix(&escaped, 16 << 10));
}

#[test]
fn crlf() {
    for log in [JAVA, PYTHON, JAVASCRIPT, GO, RUST, DOTNET, RUBY, PHP] {
        same_with(log, "\n", "\r\n");
    }
}

/// As docker's json-file driver writes the lines of a log.
fn in_docker(log: &str) -> String {
    let wrapped = |line: &str| {
        let line =
            serde_json::json!({"log": line, "stream": "stderr", "time": "2026-11-23T06:46:24.116804208Z"});
        format!("{line}\n")
    };
    log.split_inclusive('\n').map(wrapped).collect()
}

/// As the runtimes of Kubernetes do.
fn in_cri(log: &str) -> String {
    log.split_inclusive('\n').map(|line| format!("2026-11-23T06:46:24.116794202Z stderr F {line}")).collect()
}

#[test]
fn wrapped_by_docker_and_cri() {
    for log in [JAVA, PYTHON, JAVASCRIPT, GO, RUST, DOTNET, RUBY, PHP] {
        same(log, &in_docker(log));
        same(log, &in_cri(log));
    }
}

#[test]
fn escaped_as_json() {
    for log in [JAVA, PYTHON, JAVASCRIPT, GO, RUST, DOTNET, RUBY, PHP] {
        for key in ["stack_trace", "exception", "exc_info", "stack"] {
            let json = serde_json::json!({"level": "error", "message": "failed", key: log});
            same(log, &format!("{json}\n"));
        }
        let in_message = serde_json::json!({"level": "error", "message": log});
        same(log, &format!("{in_message}\n"));
        // In a line that is none of JSON.
        let escaped = serde_json::json!(log.trim_start()).to_string();
        same(log, &format!("2026-11-23 06:46:24,116 ERROR [main] c.s.App - {}\n", escaped.trim_matches('"')));
    }
}

#[test]
fn one_line_with_tabs() {
    for log in [JAVA, PYTHON, JAVASCRIPT, GO, RUST, DOTNET, RUBY, PHP] {
        let line = log.trim().replace('\n', "\t");
        same(log, &format!("{line}\n"));
        same(log, &format!("2026-11-23 06:46:24,116 ERROR [main] c.s.App - {line}\n"));
    }
}

/// Every labelled trace, under every way of writing it.
#[test]
fn real_traces_keep_their_groups() {
    let Some(file) = shared("defects4j_tune.json") else { return };
    let traces: Vec<serde_json::Value> = serde_json::from_slice(&file).expect("JSON");
    for trace in &traces {
        let log = &format!("{}\n", trace["trace"].as_str().expect("a trace").trim_end());
        same(log, &log.replace('\n', "\r\n"));
        same(log, &log.replace(".java:", ".java:7"));
        same(log, &format!("2026-11-23 06:46:24,116 ERROR [main] c.s.App - failed\n{log}"));
        same(log, &format!("{}\n", log.trim_end().replace('\n', "\t")));
        same(log, &in_docker(log));
        same(log, &in_cri(log));
        for key in ["stack_trace", "exception", "message"] {
            let json = serde_json::json!({"level": "error", "message": "failed", key: log});
            same(log, &format!("{json}\n"));
        }
    }
}
