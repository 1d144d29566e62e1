"""What renders a folder: Jinja as it comes, or the environment that the app has."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from keyturn.errors import KeyturnError, TemplateInvalid
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.configuration import StudioSettings
from keyturn.studio.gallery.environments import CannotImport, with_lenient_filters
from keyturn.studio.gallery.opening import open_gallery

Write = Callable[[str, str], None]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a project of its own, and forget its modules afterwards."""
    before, path = set(sys.modules), list(sys.path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "emails").mkdir()
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        module = sys.modules[name]
        places = (
            getattr(module, "__file__", None),
            *getattr(module, "__path__", ()),
        )  # a package without a file has paths
        if any(str(place).startswith(str(tmp_path)) for place in places):
            del sys.modules[name]


@pytest.fixture
def write(project: Path) -> Write:
    def file(name: str, text: str) -> None:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(dedent(text), "utf-8")

    return file


def rendered(gallery: Gallery, mail: str, language: str = "", /, **values: Any) -> str:
    templates = gallery.templates.with_files(gallery.files)
    return templates.fill(mail, values, gallery.languages.choose(language)).markup


APP = """\
    from jinja2 import DictLoader, Environment

    environment = Environment(loader=DictLoader({"frame.html": "<html>{{ self.it() }}{% block it %}{% endblock %}"}))
    environment.filters["loud"] = str.upper
    environment.globals["shop"] = "Northwind School"
    number = 1
    """


def test_jinja_comes_with_its_own_defaults(project: Path, write: Write) -> None:
    write(
        "emails/a.html", "<html>{% if true %}\n  {{ name }}{% endif %}{% for n in [1, 2, 3] %}{% break %}{% endfor %}\n"
    )

    assert rendered(open_gallery(project / "emails"), "a", name="<Ada>") == "<html>\n  &lt;Ada&gt;"


def test_a_text_part_is_not_escaped(project: Path, write: Write) -> None:
    write("emails/a.html", "<html>{{ name }}")
    write("emails/a.txt.j2", "{{ name }}")
    gallery = open_gallery(project / "emails")

    filled = gallery.templates.with_files(gallery.files).fill("a", {"name": "<Ada> & Co"}, gallery.languages.choose(""))

    assert (filled.markup, filled.text) == ("<html>&lt;Ada&gt; &amp; Co", "<Ada> & Co")


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
    project: Path, write: Write, folder: str, named: str
) -> None:
    write("templates/emails/base.html", "<html>{% block it %}{% endblock %}")
    write(
        "templates/emails/auth/reset.html", f"{{% extends '{named}' %}}{{% block it %}}{{{{ name }}}}{{% endblock %}}"
    )
    gallery = open_gallery(project / folder)

    (name,) = gallery.names()

    assert name.endswith("auth/reset")
    assert rendered(gallery, name, name="Ada") == "<html>Ada"
    assert "name" in gallery.samples(name)["guessed"].values


def test_gettext_is_there_with_catalogues_and_without(project: Path, write: Write) -> None:
    write("emails/a.html", "<html>{{ _('Hello %(name)s', name=name) }} {% trans %}Bye{% endtrans %} {{ lang }}")
    write("locales/de/LC_MESSAGES/shop.po", 'msgid ""\nmsgstr ""\n\nmsgid "Bye"\nmsgstr "Tschüss"\n')

    gallery = open_gallery(project / "emails")

    assert rendered(gallery, "a", name="Ada") == "<html>Hello Ada Bye en"
    assert rendered(gallery, "a", "de", name="Ada") == "<html>Hello Ada Tschüss de"


def test_an_unknown_filter_leaves_its_value_where_that_is_wanted(project: Path, write: Write) -> None:
    write("emails/a.html", "<html>{{ price|money('EUR')|upper }}{% if price is cheap %}!{% endif %}")
    gallery = open_gallery(project / "emails")

    with pytest.raises(TemplateInvalid, match="No filter named 'money'"):
        rendered(gallery, "a", price="four")
    (sample,) = gallery.samples("a").values()
    mail = gallery.renderers(with_lenient_filters)(sample).render_values(
        "a", {"price": "four"}, gallery.languages.choose("")
    )
    assert mail.html == "<html>FOUR!"


def test_the_apps_environment_brings_filters_globals_and_templates(project: Path, write: Write) -> None:
    write("shop/__init__.py", "")
    write("shop/mails.py", APP)
    write(
        "emails/a.html",
        "{% extends 'frame.html' %}{% block it %}{{ name|loud }} {{ shop }}{{ order.items }}{% endblock %}",
    )

    gallery = open_gallery(project / "emails", environment="shop.mails:environment")

    assert rendered(gallery, "a", name="ada", order={"items": 7}) == "<html>" + 2 * "ADA Northwind School7"
    assert set(gallery.samples("a")["guessed"].values) == {"name", "order"}
    assert "lang" not in sys.modules["shop.mails"].environment.globals


@pytest.mark.parametrize(
    "made",
    [
        "def make(locale): environment.globals['shop'] = locale; return environment.overlay()",
        "def make(debug=False): return environment if not debug else None",
        "class make: jinja_env = environment",
        "class Templates:\n        env = environment\n    make = Templates()",
        "from litestar.plugins import jinja\n    make = jinja.JinjaTemplateEngine(engine_instance=environment)",
    ],
)
def test_it_may_be_made_by_a_function_or_held_by_a_framework(project: Path, write: Write, made: str) -> None:
    write("mails.py", f"{APP}\n    {made}\n")
    write("emails/a.html", "<html>{{ 'ada'|loud }}")

    gallery = open_gallery(project / "emails", settings=StudioSettings(env="mails:make", languages=("de",)))

    assert rendered(gallery, "a", "de") == "<html>ADA"


def test_asynchronous_functions_of_the_apps_environment_give_their_results(project: Path, write: Write) -> None:
    write(
        "web.py",
        """\
        from jinja2 import Environment, pass_context

        env = Environment(enable_async=True)

        async def loud(text): return text.upper()

        @pass_context
        async def greet(context, word): return f"{word} {context['name']}"

        env.filters["loud"] = loud
        env.globals["greet"] = greet
        """,
    )
    write("emails/hello.html", "<p>{{ greet('Hello')|loud }}</p>")
    gallery = open_gallery(project / "emails", environment="web:env")
    assert rendered(gallery, "hello", name="Ada") == "<p>HELLO ADA</p>"


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("mails", "--env mails: write it as package.module:environment"),
        (
            "mails.py:environment",
            "--env mails.py:environment: there is no module mails.py in this folder or on Python's path",
        ),
        ("mails:enviroment", "--env mails:enviroment: mails has no enviroment; did you mean environment?"),
        ("mails:number", "--env mails:number is of type int, not a Jinja environment"),
        ("mails:nothing", "--env mails:nothing returns a value of type NoneType, not a Jinja environment"),
        ("mails:fails", "--env mails:fails: RuntimeError: no database ({project}/mails.py:10)"),
        (
            "lacking:environment",
            "--env lacking:environment: ModuleNotFoundError: No module named 'nowhere' ({project}/lacking.py:1)",
        ),
        ("wrong:environment", "--env wrong:environment: SyntaxError: invalid syntax ({project}/wrong.py:1)"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_sentence(project: Path, write: Write, named: str, message: str) -> None:
    write("mails.py", f"{APP}\n    def nothing(): ...\n    def fails():\n        raise RuntimeError('no database')\n")
    write("lacking.py", "import nowhere")
    write("wrong.py", "environment = = 1")

    with pytest.raises(CannotImport) as caught:
        open_gallery(project / "emails", environment=named)

    assert str(caught.value) == message.format(project=project)
    assert isinstance(caught.value, KeyturnError)


def test_globals_and_brands_are_given_to_every_template(project: Path, write: Write) -> None:
    write("emails/a.html", "<html>{{ site.name }} {{ foot }}")
    settings = StudioSettings(
        globals={"site": {"name": "Northwind"}, "foot": "Leeds"}, brands={"harbour": {"site": {"name": "Harbour"}}}
    )
    gallery = open_gallery(project / "emails", settings=settings)
    (sample,) = gallery.samples("a").values()

    def html(brand: str) -> str:
        return gallery.renderers()(sample, brand).render_values("a", sample.values, gallery.languages.choose("")).html

    assert sample.values == {}
    assert (html(""), html("harbour")) == ("<html>Northwind Leeds", "<html>Harbour Leeds")


def test_functions_of_a_flask_app_get_a_request(project: Path, write: Write) -> None:
    write(
        "bookshop.py",
        "from flask import Flask\n"
        "app = Flask(__name__)\n"
        "app.add_url_rule('/orders/<int:number>', 'order', lambda number: '')\n",
    )
    write("emails/a.html", "<html>{{ url_for('order', number=7, _external=True) }} {{ request.host }}")

    gallery = open_gallery(project / "emails", environment="bookshop:app")

    assert rendered(gallery, "a") == "<html>https://www.example.org/orders/7 www.example.org"


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
        return Litestar([order], template_config=TemplateConfig(directory="emails", engine=JinjaTemplateEngine))
    """


@pytest.mark.parametrize(
    ("app", "named", "order"),
    [
        (STARLETTE, "templates", "https://www.example.org/orders/7"),
        (STARLETTE, "templates.env", "https://www.example.org/orders/7"),
        (STARLETTE.replace("app = ", "Starlette; "), "templates", "https://www.example.org/order/7"),
        (LITESTAR, "make_app", "/orders/7"),
        (LITESTAR + "\n    app = make_app()", "app.template_engine", "/orders/7"),
        (LITESTAR + "\n    engine = JinjaTemplateEngine('emails')", "engine", "/order/7"),
    ],
)
def test_functions_of_starlette_and_litestar_get_a_request(
    project: Path, write: Write, app: str, named: str, order: str
) -> None:
    write("bookshop.py", app)
    write("emails/a.html", "<html>{{ url_for('order', number=7) }} {{ request.headers.host }} {{ request.base_url }}")

    gallery = open_gallery(project / "emails", environment=f"bookshop:{named}")

    assert rendered(gallery, "a") == f"<html>{order} www.example.org https://www.example.org/"
