//! What chat templates print, refuse and are kept from.

use std::borrow::Cow;

use minisgl_tokenizer::{ChatTemplate, Message, TokenizeError};

fn messages() -> Vec<Message<'static>> {
    let message = |role: &'static str, content: &'static str| {
        vec![("role".into(), role.into()), ("content".into(), content.into())]
    };
    vec![message("user", "Hi <you> & \"me\"\n"), message("assistant", "é")]
}

fn render(source: &str) -> Result<String, String> {
    let special = [("bos_token".to_owned(), "<s>".to_owned())];
    let rendered = ChatTemplate::new(source, &special)?.render(&messages());
    rendered.map_err(|error| match error {
        TokenizeError::Render(why) => why,
        other => panic!("{other}"),
    })
}

#[track_caller]
fn prints(source: &str, text: &str) {
    assert_eq!(render(source).as_deref(), Ok(text), "{source}");
}

#[track_caller]
fn fails(source: &str, words: &str) {
    let error = render(source).expect_err(source);
    assert!(error.contains(words), "{source}: {error}");
}

#[test]
fn values_print_as_python_prints_them() {
    prints("{{ true }} {{ none }} {{ 1.0 }} {{ 1e16 }} {{ 0.00001 }}", "True None 1.0 1e+16 1e-05");
    prints(r#"{{ ['a', "it's", 'b"\n', none, 1.5] }}"#, r#"['a', "it's", 'b"\n', None, 1.5]"#);
    prints("{{ (1,) }} {{ (1, 2) }} {{ {'a': (1, true)} }}", "(1,) (1, 2) {'a': (1, True)}");
    prints("{{ none ~ true ~ 1e16 ~ [1] }}", "NoneTrue1e+16[1]");
    prints("{{ '\\u200b' }}{{ ['\\u200b'] }}", "\u{200b}['\\u200b']");
}

#[test]
fn json_is_pythons_and_leaves_html_alone() {
    prints("{{ messages[0] | tojson }}", r#"{"role": "user", "content": "Hi <you> & \"me\"\n"}"#);
    prints("{{ [1, {'a': []}] | tojson(indent=2) }}", "[\n  1,\n  {\n    \"a\": []\n  }\n]");
    prints("{{ 'é😀' | tojson(ensure_ascii=true) }}", r#""\u00e9\ud83d\ude00""#);
    prints("{{ {'b': 1, 'a': 2} | tojson(separators=(',', ':'), sort_keys=true) }}", r#"{"a":2,"b":1}"#);
    fails("{{ range(2) | tojson }}", "can't be written as JSON");
}

#[test]
fn what_filters_yield_is_true_and_yielded_once() {
    let chosen = "{% set u = messages | selectattr('role', 'eq', 'user') %}";
    prints(&format!("{chosen}{{{{ u | list | length }}}}{{{{ u | list | length }}}}"), "10");
    prints("{{ 'T' if messages | selectattr('role', 'eq', 'nobody') else 'F' }}", "T");
    fails("{{ messages | map(attribute='role') }}", "has no text");
    fails("{{ messages | map(attribute='role') | length }}", "no length");
}

#[test]
fn nothing_is_compared_that_python_refuses_to_compare() {
    fails("{{ 'a' < 1 }}", "can't compare");
    fails("{{ absent < 1 }}", "can't compare");
    fails("{{ 1 in 'a' }}", "in a text");
    fails("{% for tool in tools %}{% endfor %}", "None is not iterable");
    prints("{{ tools == none }}{{ 1 == 1.0 }}{{ (1,) == [1] }}", "TrueTrueFalse");
}

#[test]
fn names_of_methods_are_no_keys() {
    fails("{{ messages[0].items }}", "items is a method");
    fails("{% if messages[0]['values'] %}{% endif %}", "is a method");
    prints("{% set n = namespace(items=2) %}{{ n.items }}", "2");
}

#[test]
fn a_template_that_cannot_be_read_is_named_with_its_line() {
    fails("a\n\n{{ 1 + }}", "(in chat_template:3)");
    fails("a\n{% nonsense %}", "\"nonsense\" is not known or not supported (in chat_template:2)");
    fails("a\n{{ x | nonsense }}", "\"nonsense\" is not known (in chat_template:2)");
    fails("{% if x %}", "in chat_template:1");
    fails("{{ 'a }}", "a string has no end (in chat_template:1)");
}

#[test]
fn a_conversation_that_cannot_be_rendered_is_refused_with_the_reason_and_the_line() {
    fails("a\n{{ raise_exception('two users ' ~ 'in a row') }}", "two users in a row (in chat_template:2)");
    fails("{{ messages\n | length }}\n{{ absent.field }}", "in chat_template:3");
    let template = ChatTemplate::new("a", &[]).expect("a template");
    assert_eq!(template.render(&[]), Err(TokenizeError::Render("it has no messages".into())));
}

#[test]
fn the_tag_generation_has_a_scope_and_no_text() {
    prints("{% generation %}{% set x = 1 %}{{ x }}{% endgeneration %}{{ x }}", "1");
    prints("{{ '{% generation %}' }}{# {% generation %} #}", "{% generation %}");
}

#[test]
fn reasoning_has_all_its_names() {
    let message = |name: &str| vec![("role".into(), "assistant".into()), (Cow::Owned(name.to_owned()), "so".into())];
    let source = "{{ messages[0].reasoning_content }}{{ messages[0].thinking }}";
    let template = ChatTemplate::new(source, &[]).expect("a template");
    for name in ["reasoning_content", "thinking", "reasoning"] {
        assert_eq!(template.render(&[message(name)]).as_deref(), Ok("soso"), "{name}");
    }
}

#[test]
fn the_date_is_pythons() {
    let mut template = ChatTemplate::new("{{ strftime_now('%Y-%m-%d %b %-d') }}", &[]).expect("a template");
    template.set_time(1_700_000_000);
    assert_eq!(template.render(&messages()).as_deref(), Ok("2023-11-14 Nov 14"));
    fails("{{ strftime_now('%c') }}", "not supported");
}

#[test]
fn a_template_can_neither_run_nor_grow_without_end() {
    fails("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "fuel");
    fails("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion");
    fails("{{ range(1000000) }}", "too long");
    fails("{{ 'a' * 999999999 }}", "too long");
    let doubling = "{% set n = namespace(t='aaaaaaaa') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}";
    fails(doubling, "too long");
    fails(&doubling.replace("t='aaaaaaaa'", "t=['a']").replace('~', "+"), "too long");
    fails(&doubling.replace("n.t ~ n.t", "[n.t, n.t]").replace("{% endfor", "{{ n.t }}{% endfor"), "too long");
    fails("{{ 'aaaa' | replace('a', 'b' * 60000000) }}", "too long");
    fails("{{ [1] | tojson(indent=999999999) }}", "not supported");
    fails(&format!("{}1{}", "{{ ".to_owned() + &"(".repeat(5000), ")".repeat(5000) + " }}"), "too deep");
    fails(&format!("{{{{ {}1 }}}}", "-".repeat(5000)), "too deep");
    fails(&format!("{{{{ 1{} }}}}", " if 1 else 1".repeat(5000)), "too deep");
}

#[test]
fn a_loop_is_not_left_out_of_another_tag() {
    let source = "{% for m in messages %}{% generation %}{% break %}{% endgeneration %}{% endfor %}";
    fails(source, "break is not supported here");
}
