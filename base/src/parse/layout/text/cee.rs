//! A CEE cookie alone, as lograge's Cee formatter writes it: `@cee: {"method":"GET","status":200}`.
//! <https://cee.mitre.org/language/1.0-beta1/clt.html>

use super::scan;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "cee", number: 153, begins: |byte| byte == b'@', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let object = text.strip_prefix("@cee:").and_then(scan::object);
    reading.message = object.unwrap_or_default().into();
    reading.objects.extend(object.map(|object| ("", object)));
    object.is_some()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        let object = r#"{"method":"GET","path":"/users/1"}"#;
        check(&LAYOUT, &format!("@cee: {object}\n"), &[("message", object), ("{}", object)]);
        check(&LAYOUT, &format!("@cee:{object}"), &[("message", object), ("{}", object)]);
        refuse(&LAYOUT, "@cee: none");
        refuse(&LAYOUT, "@40000000433225833b6e1a8c tcpserver: ok");
    }
}
