//! Go: panics, and the stacks that zap and pkg/errors write.
//!
//! ```text
//! panic: boom
//!
//! goroutine 4 [running]:
//! main.(*Cart).Total(0xc000012345, 0x1)
//!         /srv/shop/cart.go:12 +0x1d
//! created by main.main in goroutine 1
//!         /srv/shop/main.go:9 +0x2e
//! ```
//! The goroutine that comes first is the one that panicked.

use super::{Frame, Language, Mark, Owner, PLAIN, Prefixes, framework_if, has_any};

pub(super) static GO: Language = Language { frame, marks: &[("goroutine ", Mark::End)], ..PLAIN };

const FILE_ENDINGS: &[&str] = &[".go:", ".s:"];
/// Where Go and what `go mod` fetches are installed.
const FRAMEWORK_FILES: &[&str] = &["/go/src/runtime/", "/usr/local/go/src/", "/pkg/mod/", "/vendor/"];
/// The standard library, and what serves requests.
const FRAMEWORKS: &Prefixes = &Prefixes::of(&[
    "bufio.",
    "bytes.",
    "context.",
    "database/sql.",
    "encoding/",
    "errors.",
    "fmt.",
    "github.com/gin-gonic/",
    "github.com/go-chi/",
    "github.com/gofiber/",
    "github.com/gorilla/",
    "github.com/labstack/echo",
    "github.com/pkg/errors.",
    "github.com/sirupsen/logrus.",
    "github.com/spf13/cobra.",
    "github.com/stretchr/testify/",
    "go.uber.org/",
    "golang.org/x/",
    "google.golang.org/",
    "internal/",
    "io.",
    "log.",
    "log/",
    "net.",
    "net/",
    "os.",
    "os/",
    "reflect.",
    "regexp.",
    "runtime.",
    "runtime/",
    "sort.",
    "strconv.",
    "strings.",
    "sync.",
    "sync/",
    "syscall.",
    "testing.",
    "text/",
    "time.",
]);

fn frame<'a>(line: &'a str, above: &'a str) -> Option<Frame<'a>> {
    let line = line.trim();
    let (end, ending) = FILE_ENDINGS.iter().find_map(|ending| Some((line.find(ending)?, ending)))?;
    let is_numbered = line[end + ending.len()..].starts_with(|c: char| c.is_ascii_digit());
    let file = &line[..end + ending.len() - 1];
    let name = name_of(above.trim())?;
    if !is_numbered || file.contains(' ') {
        return None;
    }
    let is_framework = FRAMEWORKS.begin(name) || has_any(file, FRAMEWORK_FILES);
    let owner = if name == "panic" { Owner::Thrower } else { framework_if(is_framework) };
    Some(Frame { name, file, place: "", owner })
}

/// `main.(*Cart).Total` of `main.(*Cart).Total.func1.2(0xc000012345, 0x1)`: without arguments, and of a function literal the
/// function it is in.
fn name_of(call: &str) -> Option<&str> {
    let name = match call.strip_suffix(')') {
        Some(open) => &open[..open.rfind('(')?],
        None => call,
    };
    if name.contains(' ') || !name.contains('.') && name != "panic" {
        return None;
    }
    let mut name = name.strip_suffix("-fm").unwrap_or(name);
    while let Some((before, last)) = name.rsplit_once('.') {
        let number = ["func", "gowrap", "deferwrap", ""].iter().find_map(|word| last.strip_prefix(word));
        if !number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
            break;
        }
        name = before;
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn frames() {
        use Owner::{Application, Framework, Thrower};
        check(
            "panic: boom\n\ngoroutine 4 [running]:\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:5 +0x1\n\
             main.(*Cart).Total(0xc000012345, 0x1)\n\t/srv/shop/cart.go:12 +0x1d\n\
             main.main.func1.2(...)\n\t/srv/shop/main.go:9\nnet/http.HandlerFunc.ServeHTTP(0x1)\n\t/x/server.go:1 +0x2\n\
             created by main.main in goroutine 1\n\t/srv/shop/main.go:9 +0x2e",
            &[
                ("panic", "", Thrower),
                ("main.(*Cart).Total", "", Application),
                ("main.main", "", Application),
                ("net/http.HandlerFunc.ServeHTTP", "", Framework),
            ],
        );
        check("main.Map[...]\n\t/srv/x.go:3", &[("main.Map[...]", "", Application)]);
    }
}
