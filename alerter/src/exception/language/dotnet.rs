//! .NET and Mono.
//!
//! ```text
//! System.InvalidOperationException: outer ---> System.IO.IOException: inner
//!    at Shop.Cart.Read(String name) in c:\shop\Cart.cs:line 12
//!    --- End of inner exception stack trace ---
//!    at Shop.Cart.Total()
//!   at Shop.Cart.Total (System.Int32 n) [0x00007] in <filename unknown>:0
//! ```

use super::{Frame, Language, Mark, PLAIN, Prefixes, after_at, framework_if};

pub(super) static DOTNET: Language =
    Language { frame, marks: &[("---> ", Mark::Next), ("--- End of inner exception", Mark::Back)], ..PLAIN };

/// Runtime, test runners, web frameworks, proxies.
const FRAMEWORKS: &Prefixes = &Prefixes::of(&[
    "Autofac.",
    "Castle.",
    "Dapper.",
    "FluentAssertions.",
    "Grpc.",
    "Hangfire.",
    "MassTransit.",
    "MediatR.",
    "Microsoft.",
    "Moq.",
    "MySqlConnector.",
    "NUnit.",
    "Newtonsoft.",
    "Npgsql.",
    "Polly.",
    "Quartz.",
    "Serilog.",
    "StackExchange.",
    "System.",
    "Xunit.",
    "lambda_method",
]);

fn frame<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let rest = after_at(line)?;
    let (name, behind) = rest.split_once('(')?;
    let name = name.trim_end();
    let (arguments, behind) = behind.split_once(')')?;
    let is_name = !name.contains(' ') && (name.contains('.') || name == "lambda_method");
    let is_signature = arguments.is_empty() || arguments.contains(' ') && !arguments.contains([':', '/']);
    // Of JavaScript: `(eval at f)`, `(index 0)`.
    let is_place = arguments.starts_with("eval at ") || arguments.starts_with("index ");
    if !is_name || !is_signature || is_place {
        return None;
    }
    let file = behind.split_once(" in ").map_or("", |(_, file)| file);
    let file = file.rsplit_once(":line ").or_else(|| file.rsplit_once(':')).map_or(file, |(file, _)| file);
    let file = if file.starts_with('<') { "" } else { file };
    let owner = framework_if(FRAMEWORKS.begin(name));
    Some(Frame { name, file, place: "", owner })
}

#[cfg(test)]
mod tests {
    use super::super::Owner;
    use super::super::tests::check;
    use super::*;

    #[test]
    fn frames() {
        use Owner::{Application, Framework};
        check(
            "System.X: boom\n   at System.Collections.Generic.Dictionary`2.get_Item(TKey key)\n\
             \x20  at Shop.Cart.<Total>d__5.MoveNext() in c:\\shop\\Cart.cs:line 12\n\
             --- End of stack trace from previous location ---\n\
             \x20 at Shop.Cart.Sum (System.Int32 n) [0x00007] in <filename unknown>:0",
            &[
                ("System.Collections.Generic.Dictionary`2.get_Item", "", Framework),
                ("Shop.Cart.<Total>d__5.MoveNext", "", Application),
                ("Shop.Cart.Sum", "", Application),
            ],
        );
        let file = frame("   at Shop.Cart.Total() in c:\\shop\\Cart.cs:line 12", "").map(|frame| frame.file);
        assert_eq!(file, Some("c:\\shop\\Cart.cs"));
    }
}
