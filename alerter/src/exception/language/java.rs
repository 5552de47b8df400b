//! Java, Kotlin, Scala, Groovy and Clojure.
//!
//! ```text
//! java.lang.IllegalStateException: boom
//!         at com.shop.Cart.total(Cart.java:12) ~[shop.jar:1.2]
//!         at java.base/java.lang.Thread.run(Thread.java:840)
//!         Suppressed: java.io.IOException: closed
//!                 at com.shop.Cart.close(Cart.java:20)
//! Caused by: java.sql.SQLException: gone
//!         ... 23 more
//! ```

use super::{Frame, Language, Mark, Owner, PLAIN, Prefixes, after_at, framework_if};
use memchr::{memchr, memchr2};

pub(super) static JAVA: Language =
    Language { frame, marks: &[("Caused by: ", Mark::Next), ("Suppressed: ", Mark::Aside)], ..PLAIN };

/// Runtimes, test runners, build tools, web frameworks, containers, drivers and proxies.
const FRAMEWORKS: &Prefixes = &Prefixes::of(&[
    "akka.",
    "android.",
    "androidx.",
    "brave.",
    "ch.qos.logback.",
    "clojure.",
    "com.android.internal.",
    "com.fasterxml.jackson.",
    "com.google.common.",
    "com.google.gson.",
    "com.google.inject.",
    "com.intellij.",
    "com.mysql.",
    "com.netflix.",
    "com.sun.",
    "com.zaxxer.hikari.",
    "dalvik.",
    "feign.",
    "groovy.",
    "io.grpc.",
    "io.lettuce.",
    "io.micrometer.",
    "io.micronaut.",
    "io.netty.",
    "io.opentelemetry.",
    "io.quarkus.",
    "io.reactivex.",
    "io.undertow.",
    "io.vertx.",
    "jakarta.",
    "java.",
    "javax.",
    "jdk.",
    "junit.",
    "kotlin.",
    "kotlinx.",
    "net.bytebuddy.",
    "net.sf.cglib.",
    "okhttp3.",
    "org.apache.activemq.",
    "org.apache.axis",
    "org.apache.catalina.",
    "org.apache.commons.dbcp",
    "org.apache.coyote.",
    "org.apache.cxf.",
    "org.apache.http.",
    "org.apache.jasper.",
    "org.apache.kafka.",
    "org.apache.logging.",
    "org.apache.maven.",
    "org.apache.naming.",
    "org.apache.struts",
    "org.apache.tomcat.",
    "org.apache.tools.ant.",
    "org.apache.wicket.",
    "org.aspectj.",
    "org.codehaus.groovy.",
    "org.eclipse.jetty.",
    "org.glassfish.",
    "org.gradle.",
    "org.hamcrest.",
    "org.hibernate.",
    "org.jboss.",
    "org.jooq.",
    "org.junit.",
    "org.mockito.",
    "org.mortbay.jetty.",
    "org.mortbay.thread.",
    "org.mybatis.",
    "org.opentest4j.",
    "org.postgresql.",
    "org.slf4j.",
    "org.springframework.",
    "org.testng.",
    "play.",
    "reactor.",
    "retrofit2.",
    "rx.",
    "scala.",
    "sun.",
    "weblogic.",
    "worker.org.gradle.",
]);

/// What has no line of its own in the source: lambda objects, proxies, accessors of inner classes.
const GENERATED: &[&str] = &["$$Lambda", "$Proxy", ".access$", "$ByteBuddy$", "$MockitoMock$"];

const FILE_ENDINGS: &[&str] = &[".java", ".kt", ".scala", ".groovy", ".clj", ".cljc"];
/// Instead of a file.
const NO_FILES: &[&str] = &["Native Method", "Unknown Source", "<generated>", "SourceFile", "Hidden Source"];

fn frame<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let call = after_at(line)?;
    let open = memchr(b'(', call.as_bytes())?;
    let (name, source) = (&call[..open], &call[open + 1..]);
    let file = &source[..memchr2(b':', b')', source.as_bytes()).unwrap_or(source.len())];
    let is_file = FILE_ENDINGS.iter().any(|ending| file.ends_with(ending));
    let is_name = memchr(b'.', name.as_bytes()).is_some() && memchr(b' ', name.as_bytes()).is_none();
    if !is_name || !is_file && !NO_FILES.contains(&file) {
        return None;
    }
    let file = if is_file { file } else { "" };
    // Fast path: most frames are these.
    if FRAMEWORKS.begin(name) {
        return Some(Frame { name, file, place: "", owner: Owner::Framework });
    }
    let name = without_module(name);
    let owner = framework_if(FRAMEWORKS.begin(name) || is_generated(name));
    Some(Frame { name, file, place: "", owner })
}

/// Without `java.base@17/` or `app//`; the slash of `Cart$$Lambda$12/0x08.run` stays.
fn without_module(name: &str) -> &str {
    match name.rsplit_once('/') {
        Some((before, name)) if !before.contains('$') => name,
        _ => name,
    }
}

fn is_generated(name: &str) -> bool {
    memchr(b'$', name.as_bytes()).is_some() && GENERATED.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn frames() {
        use Owner::{Application, Framework};
        check(
            "java.lang.X: boom\n\tat com.shop.Cart.total(Cart.java:12) ~[shop.jar:1.2]\n\
             \tat java.base@17/java.lang.Thread.run(Thread.java:840)\n\tat app//com.shop.Main.main(Main.kt)\n\
             \tat com.shop.Cart$$Lambda$12/0x00000008.run(Unknown Source)\n\
             \tat jdk.internal.reflect.GeneratedMethodAccessor47.invoke(Unknown Source)\n\
             \tat com.sun.proxy.$Proxy33.total(Unknown Source)\n\tat $Proxy33.total(Unknown Source)\n\
             \tat com.shop.Cart.<init>(Cart.java\n\tat com.shop.Cart.access$000(Cart.java:1)\n\t... 23 more",
            &[
                ("com.shop.Cart.total", "", Application),
                ("java.base@17/java.lang.Thread.run", "", Framework),
                ("com.shop.Main.main", "", Application),
                ("com.shop.Cart$$Lambda$12/0x00000008.run", "", Framework),
                ("jdk.internal.reflect.GeneratedMethodAccessor47.invoke", "", Framework),
                ("com.sun.proxy.$Proxy33.total", "", Framework),
                ("$Proxy33.total", "", Framework),
                ("com.shop.Cart.<init>", "", Application),
                ("com.shop.Cart.access$000", "", Framework),
            ],
        );
    }
}
