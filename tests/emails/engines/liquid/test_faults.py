"""What is wrong with a template of Liquid: told with its file, line and column, and with what mends it."""

from pathlib import Path

import pytest
from tests.emails.engines.liquid.folders import Written, document, told

from keyturn.emails.engines.liquid import open_liquid
from keyturn.emails.gallery import Gallery
from keyturn.emails.lint.examination import examine

SAMPLE = {"mail.samples.toml": '[one]\nname = "Ada"\ncount = 3\nrows = [1, 2]\n[one.order]\ntotal = 1\n'}


@pytest.mark.parametrize(
    ("source", "place", "rule", "message", "fix"),
    [
        (
            "<p>\n{% if name %}\n<p>", "2:1", "syntax",
            "{% if %} is never closed: {% endif %} is missing.", "Correct the tag here.",
        ),
        (
            "<p>\n  {% else %}", "2:3", "syntax",
            "{% else %} has no opening tag.", "Correct the tag here.",
        ),
        (
            "<p>{% if name %}{% for a in rows %}{% endif %}", "1:36", "syntax",
            "{% endif %} has no opening tag.", "Correct the tag here.",
        ),
        ("<p>\n{{ name | }}", "2:1", "syntax", None, "Correct the tag here."),
        ("<p>{% for in rows %}{% endfor %}", "1:11", "syntax", None, "Correct the tag here."),
        (
            "<p>\n{% render 'foter' %}", "2:11", "missing-template",
            "There is no partial foter.", "Did you mean footer?",
        ),
        (
            "<p>{{ name | upcse }}", "1:14", "unknown-filter",
            "There is no filter 'upcse'.", "Did you mean upcase? The mail shows the value without the filter.",
        ),
        (
            "<p>{{ count | money }}{{ count | money }}", "1:15", "host-filter",
            "The filter 'money' exists only at Shopify.", None,
        ),
        (
            "<p>{% caputre a %}x{% endcaputre %}", "1:4", "unknown-tag",
            "There is no tag {% caputre %}.", "Did you mean capture? The mail leaves it out.",
        ),
        ("<p>{% form 'contact' %}x{% endform %}", "1:4", "host-tag", None, None),
        ("<p>{{ count | divided_by: 0 }}", "1:15", "error", None, "Divide by another number than zero."),
        (
            "<p>{% assign no = 0 %}{{ count | divided_by: no }}", "1:34", "error", None,
            "Check what this line does with its values.",
        ),
        (
            "<p>{% for a in (1..1000000) %}x{% endfor %}", "1:4", "limit",
            "Loop iteration limit reached.", "Limit the loop, or the text that it appends.",
        ),
        (
            "<p>\n{% include 'circle' %}", None, "limit",
            "Partials include each other in a circle.", "Remove one of the includes.",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_what_mends_it(
    written: Written, source: str, place: str | None, rule: str, message: str | None, fix: str | None
) -> None:
    others = {**SAMPLE, "snippets/footer.liquid": "x", "snippets/circle.liquid": "{% include 'circle' %}"}
    ((at, found, said, mends),) = told(written(source, others))
    assert found == f"liquid/{rule}"
    assert place is None or at == f"mail.liquid:{place}"
    assert message in (None, said)
    assert fix in (None, mends)


def test_a_mistake_in_a_partial_is_told_at_its_own_line(written: Written) -> None:
    gallery = written("<p>\n\n{% render 'part' %}", {**SAMPLE, "snippets/part.liquid": "a\nb {% endif %}"})
    assert [place for place, _, _, _ in told(gallery)] == ["snippets/part.liquid:2:3"]


def test_a_mistake_within_a_liquid_tag_is_told_at_its_own_line(written: Written) -> None:
    source = "<p>\n{% liquid\n  assign x = 1\n  blah x\n  echo name | upcse\n  echo order.totl\n%}"
    assert [one[:2] for one in told(written(source, SAMPLE))] == [
        ("mail.liquid:4:3", "liquid/unknown-tag"),
        ("mail.liquid:5:15", "liquid/unknown-filter"),
        ("mail.liquid:6:3", "liquid/undefined"),
    ]
    assert told(written("<p>\n{% liquid\n\n if name\n%}", SAMPLE))[0][:2] == ("mail.liquid:4:2", "liquid/syntax")


def test_of_two_equal_partials_the_one_is_named_that_was_drawn(written: Written) -> None:
    partials = {"snippets/one.liquid": "{{ 1 | divided_by: 0 }}", "snippets/two.liquid": "{{ 1 | divided_by: 0 }}"}
    gallery = written("<p>{% if missing %}{% render 'one' %}{% endif %}{% render 'two' %}", {**SAMPLE, **partials})
    assert {place for place, _, _, _ in told(gallery)} >= {"snippets/two.liquid:1:8"}


def test_a_mail_with_an_unknown_filter_and_tag_is_drawn_all_the_same(written: Written) -> None:
    gallery = written("<p>{{ count | money }} {% form %}{{ name | shout: 2, loud: true }}{% endform %}</p>", SAMPLE)
    assert document(gallery).html == "<p>3 Ada</p>"


def test_a_name_that_a_sample_lacks_is_told_where_it_is_printed_and_not_where_the_author_expects_it(
    written: Written,
) -> None:
    source = """<p>{{ order.totl }}{{ nick | default: "friend" }}{% if nobody %}{{ nobody }}{% endif %}
{% for one in lines %}{{ one }}{% endfor %}{% for one in nothing %}x{% else %}none{% endfor %}
{{ bare.first }}{{ nick | upcase }}{% assign who = nick.name %}{{ who }}{{ lang }}"""
    gallery = written(source, {"mail.samples.toml": "[one]\nbare = []\n[one.order]\ntotal = 1\n"})
    nothing, lacks = (
        "has no value, so nothing is printed.",
        "Add it to the sample one, or give it a default in the template.",
    )
    assert [(place, said, fix) for place, rule, said, fix in told(gallery) if rule == "liquid/undefined"] == [
        ("mail.liquid:1:4", f"'order.totl' {nothing}", "Did you mean order.total?"),
        ("mail.liquid:2:1", f"'lines' {nothing}", lacks),
        ("mail.liquid:3:17", f"'nick' {nothing}", lacks),
        ("mail.liquid:3:64", f"'nick' {nothing}", lacks),
    ]


def test_without_samples_no_name_is_a_mistake(written: Written) -> None:
    assert told(written("<p>{{ order.totl }}{% for one in lines %}{{ one.title }}{% endfor %}</p>")) == []


def test_the_checks_find_what_is_wrong_with_the_mail_at_its_line(notifications: Gallery) -> None:
    assert ("shipped.mjml.liquid:13:46", "mjml/unknown-attribute") in [one[:2] for one in told(notifications, "mjml")]


def test_partials_come_from_the_folder_alone(written: Written, tmp_path: Path) -> None:
    tmp_path.with_name("secret.liquid").write_text("secret")
    for name in ("../secret", f"{tmp_path.parent}/secret.liquid", "snippets/../../secret"):
        ((_, rule, _, _),) = told(written(f"<p>{{% include '{name}' %}}", SAMPLE))
        assert rule == "liquid/missing-template"


def test_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    folder, secret = tmp_path / "mails", tmp_path / "secret.liquid"
    (folder / "snippets").mkdir(parents=True)
    secret.write_text("secret")
    (folder / "snippets" / "part.liquid").symlink_to(secret)
    (folder / "mail.liquid").write_text("<p>{% render 'part' %}</p>")
    ((_, rule, message, _),) = told(open_liquid(folder))
    assert (rule, message) == (
        "liquid/missing-template",
        "It is a link to a file outside the folder, which Keyturn does not read.",
    )
    assert document(open_liquid(folder, sandboxed=False)).html == "<p>secret</p>"


def test_a_text_that_grows_without_end_is_a_finding(written: Written) -> None:
    source = "<p>{% assign a = 'xxxxxxxxxx' %}{% for i in (1..30) %}{% assign a = a | append: a %}{% endfor %}{{ a }}"
    ((place, rule, _, _),) = told(written(source, SAMPLE))
    assert (place, rule) == ("mail.liquid:1:55", "liquid/limit")


def test_a_template_that_is_no_utf_8_is_told_by_its_file(written: Written, tmp_path: Path) -> None:
    gallery = written("<p>", SAMPLE)
    (tmp_path / "mail.liquid").write_bytes(b"<p>\n caf\xe9</p>")
    assert [(place, said) for place, _, said, _ in told(gallery, "jinja")] == [
        ("mail.liquid:2:5", "'mail.liquid' is not UTF-8.")
    ]


def test_a_template_that_renders_itself_is_told(written: Written) -> None:
    findings = told(written("<p>Hello</p>", {"loop.liquid": "{% render 'loop' %}"}))
    assert [(rule, fix) for _, rule, _, fix in findings] == [("liquid/limit", "Remove one of the includes.")]


@pytest.mark.parametrize(
    ("division", "column"), [("{{ p.price | divided_by: 0 }}", 14), ("{% assign part = 1.5 | modulo: 0.0 %}", 1)]
)
def test_a_division_by_a_zero_that_stands_there_is_an_error_without_samples_too(
    written: Written, division: str, column: int
) -> None:
    gallery = written(f"<p>\n{division}")
    assert [(place, rule) for place, rule, _, _ in told(gallery, "liquid", "samples")] == [
        (f"mail.liquid:2:{column}", "liquid/error")
    ]
    assert [one.finding.severity for one in examine(gallery).with_rules(("liquid",)).found] == ["error"]


def test_a_place_that_was_never_filled_in_is_to_be_written_as_liquid_has_it(written: Written) -> None:
    ((place, _, _, fix),) = told(written("<p>\n%(name)s</p>", SAMPLE), "parity/unfilled")
    assert (place, fix.partition(".")[0]) == ("mail.liquid:2:1", "Write it as a value of Liquid")


@pytest.mark.parametrize(
    ("fault", "rule", "column"),
    [
        ("{% render 'foter' %}", "missing-template", 14),
        ("{% assign no = 0 %}{{ count | divided_by: no }}", "error", 34),
        ("{% for a in rows %}{% render 'foter' %}{% break %}{% endfor %}", "missing-template", 33),
    ],
)
def test_a_fault_hides_no_other_of_its_mail(written: Written, fault: str, rule: str, column: int) -> None:
    page = f"<p>\n<p>{fault}</p>\n<a href='htps://boats.example'>Your boats</a>{{{{ count | divided_by: 0 }}}}"
    found = told(written(page, SAMPLE), "liquid", "links")

    assert {(found_rule, place) for place, found_rule, *_ in found} == {
        (f"liquid/{rule}", f"mail.liquid:2:{column}"),
        ("liquid/error", "mail.liquid:3:57"),
        ("links/unknown-scheme", "mail.liquid:3:4"),
    }
