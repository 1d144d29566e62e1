"""What renders a folder: Jinja as it comes, or the environment that the app has."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tests.studio.folders import written

from keyturn.errors import KeyturnError, TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.app_import import CannotImport
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.environments import with_lenient_filters
from keyturn.studio.gallery.opening import open_gallery
from keyturn.studio.lint.gallery_checks import check_gallery


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a project of its own, and forget its modules afterwards."""
    before, path = set(sys.modules), list(sys.path)
    written(tmp_path, {"pyproject.toml": ""})
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        places = (
            getattr(module, "__file__", None),
            *getattr(module, "__path__", ()),
        )  # a package may have no file
        if any(str(place).startswith(str(tmp_path)) for place in places):
            del sys.modules[name]


def opened(project: Path, files: dict[str, str], environment: str = "", **settings: Any) -> Gallery:
    """Write a mail called a, and other files, and open the folder."""
    written(
        project,
        {f"emails/{name}" if name.startswith("a.") else name: text for name, text in files.items()},
    )
    return open_gallery(
        project / "emails", environment=environment, settings=StudioSettings(**settings)
    )


def rendered(gallery: Gallery, mail: str, language: str = "", /, **values: Any) -> str:
    templates = gallery.templates.with_files(gallery.files)
    return templates.fill(mail, values, gallery.languages.choose(language)).markup


APP = """\
from jinja2 import DictLoader, Environment

environment = Environment(loader=DictLoader({"frame.html": \
"<html>{{ self.it() }}{% block it %}{% endblock %}"}))
environment.filters["loud"] = str.upper
environment.globals["shop"] = "Northwind School"
number = 1
"""


def test_jinja_comes_with_its_own_defaults(project: Path) -> None:
    mail = (
        "<html>{% if true %}\n  {{ name }}{% endif %}{% for n in [1, 2, 3] %}{% break %}{% "
        "endfor %}\n"
    )
    assert rendered(opened(project, {"a.html": mail}), "a", name="<Ada>") == "<html>\n  &lt;Ada&gt;"


@pytest.mark.parametrize(
    ("folder", "named"),
    [
        ("templates/emails", "emails/base.html"),
        ("templates/emails", "base.html"),
        ("templates", "emails/base.html"),
        (".", "emails/base.html"),
        ("templates/emails", "../emails/base.html"),
    ],
)
def test_a_layout_is_found_wherever_the_apps_own_loader_starts(
    project: Path, folder: str, named: str
) -> None:
    mail = f"{{% extends '{named}' %}}{{% block it %}}{{{{ name }}}}{{% endblock %}}"
    base = "<html>{% block it %}{% endblock %}"
    written(project, {"templates/emails/base.html": base, "templates/emails/auth/reset.html": mail})
    gallery = open_gallery(project / folder)
    (name,) = gallery.names()
    assert name.endswith("auth/reset")
    assert rendered(gallery, name, name="Ada") == "<html>Ada"
    assert "name" in gallery.samples(name)["guessed"].values


def test_gettext_is_there_with_catalogues_and_without(project: Path) -> None:
    mail = "<html>{{ _('Hello %(name)s', name=name) }} {% trans %}Bye{% endtrans %} {{ lang }}"
    catalogue = 'msgid ""\nmsgstr ""\n\nmsgid "Bye"\nmsgstr "Tschüss"\n'
    gallery = opened(project, {"a.html": mail, "locales/de/LC_MESSAGES/shop.po": catalogue})
    assert rendered(gallery, "a", name="Ada") == "<html>Hello Ada Bye en"
    assert rendered(gallery, "a", "de", name="Ada") == "<html>Hello Ada Tschüss de"


def test_an_unknown_filter_leaves_its_value_where_that_is_wanted(project: Path) -> None:
    gallery = opened(
        project,
        {"a.html": "<html>{{ price|money('EUR')|upper }}{% if price is cheap %}!{% endif %}"},
    )
    with pytest.raises(TemplateInvalid, match="No filter named 'money'"):
        rendered(gallery, "a", price="four")
    (sample,) = gallery.samples("a").values()
    templates, language = (
        gallery.sample_templates(with_lenient_filters)(sample),
        gallery.languages.choose(""),
    )
    assert templates.render_values("a", {"price": "four"}, language).html == "<html>FOUR!"


def test_the_apps_environment_brings_filters_globals_and_templates(project: Path) -> None:
    mail = (
        "{% extends 'frame.html' %}{% block it %}{{ name|loud }} {{ shop }}{{ order.items "
        "}}{% endblock %}"
    )
    files = {"shop/__init__.py": "", "shop/mails.py": APP, "a.html": mail}
    gallery = opened(project, files, environment="shop.mails:environment")
    assert (
        rendered(gallery, "a", name="ada", order={"items": 7})
        == "<html>" + 2 * "ADA Northwind School7"
    )
    assert set(gallery.samples("a")["guessed"].values) == {"name", "order"}
    assert "lang" not in sys.modules["shop.mails"].environment.globals


def test_missing_attribute_in_the_apps_environment(project: Path) -> None:
    """An attribute that a sample lacks is told, as in a folder without an app."""
    mail = {
        "a.html": "<html>{{ person.nick }}</html>",
        "a.samples.json": '{"ada": {"person": {"name": "Ada"}}}',
    }
    gallery = opened(project, {"app.py": APP, **mail}, "app:environment")
    found = check_gallery(gallery).found
    assert [one.place.line for one in found if "nick" in one.message] == [1]


@pytest.mark.parametrize(
    "made",
    [
        "def make(locale): environment.globals['shop'] = locale; return environment.overlay()",
        "def make(debug=False): return environment if not debug else None",
        "class make: jinja_env = environment",
        "class Templates:\n    env = environment\nmake = Templates()",
        (
            "from litestar.plugins import jinja\n"
            "make = jinja.JinjaTemplateEngine(engine_instance=environment)"
        ),
    ],
)
def test_it_may_be_made_by_a_function_or_held_by_a_framework(project: Path, made: str) -> None:
    files = {"mails.py": f"{APP}\n{made}\n", "a.html": "<html>{{ 'ada'|loud }}"}
    gallery = opened(project, files, env="mails:make", languages=("de",))
    assert rendered(gallery, "a", "de") == "<html>ADA"


def test_asynchronous_functions_of_the_apps_environment_give_their_results(project: Path) -> None:
    app = """\
        from jinja2 import Environment, pass_context

        env = Environment(enable_async=True)

        async def loud(text): return text.upper()

        @pass_context
        async def greet(context, word): return f"{word} {context['name']}"

        env.filters["loud"] = loud
        env.globals["greet"] = greet
        """
    gallery = opened(
        project, {"web.py": dedent(app), "a.html": "<p>{{ greet('Hello')|loud }}</p>"}, "web:env"
    )
    assert rendered(gallery, "a", name="Ada") == "<p>HELLO ADA</p>"


PROBED = """\
from jinja2 import Environment, nodes
from jinja2.ext import Extension

class Once(Extension):
    tags = {"once"}

    def parse(self, parser):
        line, name = next(parser.stream).lineno, parser.free_identifier()
        value = nodes.Assign(name, parser.parse_expression(), lineno=line)
        return [value, nodes.Output([name], lineno=line)]

class Shop(Environment):
    called = False

    def asset(self, name):
        self.called = True

environment = Shop(extensions=[Once])
environment.globals["asset"] = environment.asset
"""


def test_guessing_calls_no_function_of_the_app_and_reads_tags_with_names_of_their_own(
    project: Path,
) -> None:
    mail = "<html>{{ asset('logo.png') }}{% once total %}{{ name }}</html>"
    gallery = opened(project, {"a.html": mail, "myshop.py": PROBED}, "myshop:environment")
    assert gallery.guessed_sample("a").values == {"name": "Ada", "total": "62.40"}
    assert not sys.modules["myshop"].environment.called


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("mails", ": write it as package.module:environment"),
        (
            "mails.py:environment",
            ": there is no module mails.py in this folder or on Python's path",
        ),
        ("mails:enviroment", ": mails has no enviroment; did you mean environment?"),
        ("mails:number", " is of type int, not a Jinja environment"),
        ("mails:nothing", " returns a value of type NoneType, not a Jinja environment"),
        ("mails:fails", ": RuntimeError: no database ({project}/mails.py:10)"),
        (
            "lacking:environment",
            ": ModuleNotFoundError: No module named 'nowhere' ({project}/lacking.py:1)",
        ),
        ("wrong:environment", ": SyntaxError: invalid syntax ({project}/wrong.py:1)"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_sentence(
    project: Path, named: str, message: str
) -> None:
    functions = "\ndef nothing(): ...\ndef fails():\n    raise RuntimeError('no database')\n"
    files = {
        "mails.py": APP + functions,
        "lacking.py": "import nowhere",
        "wrong.py": "environment = = 1",
    }
    with pytest.raises(CannotImport) as caught:
        opened(project, {"a.html": "", **files}, environment=named)
    assert str(caught.value) == f"--env {named}{message.format(project=project)}"
    assert isinstance(caught.value, KeyturnError)


def test_globals_and_brands_are_given_to_every_template(project: Path) -> None:
    given = {"site": {"name": "Northwind"}, "foot": "Leeds"}
    brands = {"harbour": {"site": {"name": "Harbour"}}}
    gallery = opened(
        project, {"a.html": "<html>{{ site.name }} {{ foot }}"}, globals=given, brands=brands
    )
    (sample,) = gallery.samples("a").values()

    def html(brand: str) -> str:
        return (
            gallery.sample_templates()(sample, brand)
            .render_values("a", sample.values, gallery.languages.choose(""))
            .html
        )

    assert sample.values == {}
    assert (html(""), html("harbour")) == ("<html>Northwind Leeds", "<html>Harbour Leeds")


FLASK = """\
from flask import Flask
app = Flask(__name__)
app.add_url_rule('/orders/<int:number>', 'order', lambda number: '')
"""
STARLETTE = """\
from starlette.applications import Starlette
from starlette.routing import Route, Router
from starlette.templating import Jinja2Templates

router = Router()
app = Starlette(routes=[Route("/orders/{number}", print, name="order")])
templates = Jinja2Templates("emails")
"""
LITESTAR = """\
from litestar import Litestar, get
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template.config import TemplateConfig

@get("/orders/{number:int}", name="order", sync_to_thread=False)
def order() -> None: ...

def make_app():
    templates = TemplateConfig(directory="emails", engine=JinjaTemplateEngine)
    return Litestar([order], template_config=templates)
"""


@pytest.mark.parametrize(
    ("app", "named", "order"),
    [
        (FLASK, "app", "/orders/7"),
        (STARLETTE, "templates", "https://www.example.org/orders/7"),
        (STARLETTE, "templates.env", "https://www.example.org/orders/7"),
        (
            STARLETTE.replace("app = ", "Starlette; "),
            "templates",
            "https://www.example.org/order/7",
        ),
        (LITESTAR, "make_app", "/orders/7"),
        (LITESTAR + "app = make_app()", "app.template_engine", "/orders/7"),
        (LITESTAR + "engine = JinjaTemplateEngine('emails')", "engine", "/order/7"),
    ],
)
def test_functions_of_web_frameworks_get_a_request(
    project: Path, app: str, named: str, order: str
) -> None:
    mail = (
        "<html>{{ url_for('order', number=7) }} {{ request.headers['host'] }} {{ "
        "request.base_url }}"
    )
    gallery = opened(project, {"bookshop.py": app, "a.html": mail}, environment=f"bookshop:{named}")
    assert rendered(gallery, "a") == f"<html>{order} www.example.org https://www.example.org/"


STRICT = """\
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

environment = SandboxedEnvironment(undefined=StrictUndefined)
"""


@pytest.mark.parametrize(
    ("printed", "rules"),
    [
        ("{{ 'x'.colour }}", ["jinja/undefined"]),
        ("{{ self.body() }}", ["jinja/undefined"]),
        ("{{ ''.__class__ }}", ["jinja/sandbox"]),
        ("{{ order.number }}", []),
    ],
)
def test_what_an_apps_environment_refuses_is_told_without_samples(
    project: Path, printed: str, rules: list[str]
) -> None:
    """Names of a mail without samples are made up; what the app refuses is told at its line."""
    files = {"strict.py": STRICT, "a.html": f"<html>\n{printed}"}
    gallery = opened(project, files, environment="strict:environment")
    found = check_gallery(gallery).with_rules(["jinja"]).found
    assert [(finding.rule, finding.place.line) for finding in found] == [
        (rule, 2) for rule in rules
    ]


def test_guesses_go_on_where_a_sandbox_refuses(project: Path) -> None:
    """What an app's sandbox refuses in one line keeps no values of other lines from being
    guessed.
    """
    mail = "<html>{{ 'x'.__class__ }} {{ user.items }}"
    gallery = opened(
        project, {"strict.py": STRICT, "a.html": mail}, environment="strict:environment"
    )
    assert gallery.guessed_sample("a").values == {"user": {"items": "items"}}
