//! A template of jinja2 written anew as one of minijinja that means the same.
//!
//! Text, comments and the signs that trim white space stay as they are, and every line keeps its number.

use super::reader::Reader;
use super::tokens;

/// Tags without anything but their name.
const BARE: [&str; 10] =
    ["else", "endif", "endfor", "endset", "endmacro", "endcall", "endwith", "endfilter", "break", "continue"];

/// The template for minijinja. The error names the line.
pub fn translate(source: &str) -> Result<String, String> {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(source.len() * 2);
    let mut rest = source.as_str();
    let mut open = Vec::new();
    while let Some(at) = find_tag(rest) {
        let failed = |rest: &str, why: String| {
            let line = source[..source.len() - rest.len()].matches('\n').count() + 1;
            format!("{why} (in chat_template:{line})")
        };
        let (text, tag) = rest.split_at(at);
        out.push_str(text);
        if let Some(comment) = tag.strip_prefix("{#") {
            let end = comment.find("#}").ok_or_else(|| failed(tag, "a comment has no end".into()))?;
            let (comment, after) = tag.split_at(end + 4);
            out.push_str(comment);
            rest = after;
            continue;
        }
        let is_block = tag.starts_with("{%");
        let trimmed = usize::from(matches!(tag.as_bytes().get(2), Some(b'-' | b'+')));
        let (start, inside) = tag.split_at(2 + trimmed);
        if is_block && let Some(taken) = raw_block(inside) {
            let (raw, after) = tag.split_at(2 + trimmed + taken.map_err(|why| failed(tag, why))?);
            // minijinja takes a line end after the tag for its own, jinja2 does not.
            let opened = raw.find("%}").unwrap_or_default();
            let is_trimmed = raw[..opened].ends_with('-') || !raw[opened + 2..].starts_with('\n');
            out.extend([&raw[..opened + 2], if is_trimmed { "" } else { "\n" }, &raw[opened + 2..]]);
            rest = after;
            continue;
        }
        let end = if is_block { "%}" } else { "}}" };
        let (words, taken) = tokens::read(inside, end).map_err(|why| failed(tag, why))?;
        let (inside, after) = inside.split_at(taken);
        let mut reader = Reader::new(&words, open.last() == Some(&"if"));
        let written = if is_block { block(&mut reader, &mut open) } else { reader.tuple(true) };
        let written = written.and_then(|written| reader.expect_end().map(|()| written));
        let written = written.map_err(|why| failed(tag, why))?;
        let lines = "\n".repeat(inside.matches('\n').count());
        let (close, after) = after.split_at(after.find(end).unwrap_or_default() + 2);
        out.extend([start, " ", &written, " ", &lines, close]);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn find_tag(source: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = source[from..].find('{') {
        let at = from + at;
        if matches!(source.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// How far a raw block reaches, if one begins here.
fn raw_block(inside: &str) -> Option<Result<usize, String>> {
    let body = inside.trim_start().strip_prefix("raw")?.trim_start();
    let body = body.strip_prefix('-').unwrap_or(body).strip_prefix("%}")?;
    let mut rest = body;
    while let Some(at) = rest.find("{%") {
        rest = &rest[at + 2..];
        let tag = rest.strip_prefix(['-', '+']).unwrap_or(rest).trim_start();
        if let Some(end) = tag.strip_prefix("endraw") {
            let end = end.trim_start();
            if let Some(after) = end.strip_prefix(['-', '+']).unwrap_or(end).strip_prefix("%}") {
                return Some(Ok(inside.len() - after.len()));
            }
        }
    }
    Some(Err("a raw block has no end".into()))
}

/// The inside of a tag; the tags that are open then are kept in `open`.
fn block<'s>(reader: &mut Reader<'_, 's>, open: &mut Vec<&'s str>) -> Result<String, String> {
    let tag = reader.name()?;
    if let Some(opened) = tag.strip_prefix("end") {
        if open.pop() != Some(opened) {
            return Err(format!("{tag} is not expected"));
        }
    } else if tag == "break" || tag == "continue" {
        let inner = open.iter().rev().find(|tag| **tag != "if");
        if inner != Some(&"for") {
            return Err(format!("{tag} is not supported here: another tag is open within the loop"));
        }
    }
    let written = content(tag, reader)?;
    let opens = match tag {
        "set" => !written.contains(" = "),
        _ => matches!(tag, "if" | "for" | "macro" | "call" | "with" | "filter" | "generation"),
    };
    if opens {
        open.push(tag);
    }
    Ok(written)
}

fn content(tag: &str, reader: &mut Reader<'_, '_>) -> Result<String, String> {
    match tag {
        "if" => Ok(format!("if {}", reader.tuple(false)?)),
        "elif" => Ok(format!("elif {}", reader.tuple(false)?)),
        "for" => each(reader),
        "set" => set(reader),
        "macro" => {
            let name = reader.name()?;
            reader.expect("(")?;
            Ok(format!("macro {name}({})", parameters(reader)?))
        }
        "call" => {
            let parameters = if reader.take("(") { format!("({})", parameters(reader)?) } else { String::new() };
            Ok(format!("call{parameters} {}", reader.expression()?))
        }
        "with" => with(reader),
        "filter" => {
            let first = reader.filter()?;
            Ok(format!("filter {first}{}", reader.filters()?))
        }
        // It marks the model's own words for training, and has a scope.
        "generation" => Ok("with".into()),
        "endgeneration" => Ok("endwith".into()),
        _ if BARE.contains(&tag) => Ok(tag.into()),
        _ => Err(format!("the tag {tag:?} is not known or not supported")),
    }
}

/// Names with commas between them, perhaps in parentheses.
fn targets(reader: &mut Reader<'_, '_>) -> Result<String, String> {
    let parenthesized = reader.take("(");
    let mut names = vec![reader.name()?.to_owned()];
    let mut is_tuple = false;
    while reader.take(",") {
        is_tuple = true;
        if reader.is(")") || reader.is("=") {
            break;
        }
        let inner = reader.is("(");
        names.push(if inner { targets(reader)? } else { reader.name()?.to_owned() });
    }
    if parenthesized {
        reader.expect(")")?;
    }
    if is_tuple && names.len() == 1 {
        return Err("a tuple of one name is not supported".into());
    }
    let names = names.join(", ");
    Ok(if parenthesized { format!("({names})") } else { names })
}

fn each(reader: &mut Reader<'_, '_>) -> Result<String, String> {
    let targets = targets(reader)?;
    if !reader.take_name("in") {
        return Err("a loop without \"in\"".into());
    }
    let over = reader.tuple(false)?;
    let condition = if reader.take_name("if") { format!(" if {}", reader.expression()?) } else { String::new() };
    if reader.take_name("recursive") {
        return Err("a recursive loop is not supported".into());
    }
    Ok(format!("for {targets} in {over}|py_each{condition}"))
}

fn set(reader: &mut Reader<'_, '_>) -> Result<String, String> {
    let mut target = targets(reader)?;
    if reader.take(".") {
        let attribute = reader.name()?;
        if attribute.starts_with('_') {
            return Err(format!("{attribute:?} begins with an underscore, which transformers refuses"));
        }
        target = format!("{target}.{attribute}");
    }
    if reader.take("=") {
        let value = reader.tuple(true)?;
        let checked = if target.contains(',') { "|py_each" } else { "" };
        return Ok(format!("set {target} = {value}{checked}"));
    }
    Ok(format!("set {target}{}", reader.filters()?))
}

/// What a macro takes, after its opening parenthesis.
fn parameters(reader: &mut Reader<'_, '_>) -> Result<String, String> {
    let mut names = Vec::new();
    while !reader.take(")") {
        if !names.is_empty() {
            reader.expect(",")?;
        }
        let name = reader.name()?;
        let default = if reader.take("=") { format!("={}", reader.expression()?) } else { String::new() };
        names.push(format!("{name}{default}"));
    }
    Ok(names.join(", "))
}

fn with(reader: &mut Reader<'_, '_>) -> Result<String, String> {
    let mut names: Vec<&str> = Vec::new();
    let mut values = Vec::new();
    while !reader.is_end() {
        if !values.is_empty() {
            reader.expect(",")?;
        }
        let target = reader.name()?;
        reader.expect("=")?;
        let value = reader.expression()?;
        // jinja2 would look for it outside.
        if let Some(name) = names.iter().find(|name| value.contains(**name)) {
            return Err(format!("{name:?} is used in the tag that sets it, which is not supported"));
        }
        names.push(target);
        values.push(format!("{target}={value}"));
    }
    Ok(format!("with {}", values.join(", ")))
}
