"""Values for names that samples lack: noted as faults, so that one hides no other mistake, or made
up.
"""

import linecache
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from pathlib import PurePosixPath
from traceback import walk_stack
from types import FrameType
from typing import Any

from jinja2 import Template, Undefined
from jinja2.exceptions import UndefinedError
from jinja2.utils import missing

from keyturn.context_values import within
from keyturn.errors import TemplateInvalid
from keyturn.mail.rendering.jinja import template_invalid
from keyturn.studio.gallery.variables import python_functions
from keyturn.studio.gallery.variables.plausible_texts import Named, text_for


class _Faults(list[TemplateInvalid]):
    """The noted faults. `excused`: names that a wrong tag may have defined."""

    def __init__(self) -> None:
        self.excused: set[str] = set()


_noted: ContextVar[_Faults | None] = ContextVar("noted", default=None)

_MISSING = re.compile(r"'([^']+)' is undefined|has no attribute '([^']+)'")


def note_faults() -> AbstractContextManager[list[TemplateInvalid]]:
    """Continue rendering at faults; collect an error for each line.

    A missing name prints `stand_in_for` it.
    """
    return within(_noted, _Faults())


def is_noting() -> bool:
    return _noted.get() is not None


def note(fault: TemplateInvalid) -> None:
    """Add a fault, unless its line has it already, or it only follows from a wrong tag."""
    noted = _noted.get()
    if noted is None:
        return
    if missing_name(fault.message) in noted.excused and not is_failed_part(fault):
        return
    place = (fault.path, fault.line, fault.message)
    if all((other.path, other.line, other.message) != place for other in noted):
        noted.append(fault)


def note_wrong_tags(errors: Iterable[Exception], file: str, words: Iterable[str]) -> None:
    """Add what is wrong with a template's tags, and excuse the names among their `words`."""
    for error in errors:
        fault = template_invalid(error, file)
        fault.__cause__ = error
        note(fault)
    noted = _noted.get()
    if noted is not None:
        noted.excused.update(words)


def is_failed_part(fault: TemplateInvalid) -> bool:
    """Tell whether a part of the mail was not rendered, and not only a name."""
    return not isinstance(fault.__cause__, UndefinedError)


def missing_name(message: str) -> str:
    """Return the name that a message of Jinja's says is missing; "" for other messages."""
    found = _MISSING.search(message)
    return found[1] or found[2] if found else ""


def stand_in_for(name: str) -> str:
    """Return the text for a missing name, which checks recognise as a placeholder."""
    return f"[[{name}]]"


class NameNotFound(UndefinedError):
    """Raised for a missing name.

    `beside`: the names that the object has; None for a name that the sample lacks.
    """

    def __init__(self, message: str, holder: object) -> None:
        super().__init__(message)
        self.beside: tuple[str, ...] | None = None
        if isinstance(holder, Mapping):
            self.beside = tuple(map(str, holder))
        elif holder is not missing:
            self.beside = getattr(type(holder), "__struct_fields__", ())


# Attributes with which a function tells Jinja's sandbox that templates may not call it.
_REFUSED = frozenset({"alters_data", "unsafe_callable"})


def _answer(value: Any = None) -> Any:
    """Return a method that answers any operation with the value, or with its object."""

    def answer(self: Any, *_: Any, **__: Any) -> Any:
        self._tell()
        return self if value is None else value

    return answer


class MissingName(Undefined):
    """The value of a name that the sample lacks: it may be tested; to print it is a fault, which is
    noted or raised.
    """

    __slots__ = ("_is_told",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._is_told = False

    def _tell(self) -> None:
        if not is_noting():
            raise self._fault()
        if not self._is_told:
            self._is_told = True
            fault = TemplateInvalid(*_place_of(str(self._undefined_name)), self._undefined_message)
            fault.__cause__ = self._fault()
            note(fault)

    def _fault(self) -> NameNotFound:
        return NameNotFound(self._undefined_message, self._undefined_obj)

    def __str__(self) -> str:
        self._tell()
        return stand_in_for(str(self._undefined_name))

    def __html__(self, _: str = "") -> str:
        return str(self)

    __format__ = __html__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _REFUSED:
            raise AttributeError(name)
        return self._part(f".{name}")

    def __getitem__(self, key: object) -> Any:
        return self._part(f".{key}")

    def _part(self, step: str) -> "MissingName":
        self._tell()
        part = type(self)(name=f"{self._undefined_name}{step}")
        part._is_told = True  # noqa: SLF001 - its own kind
        return part

    __call__ = __neg__ = __pos__ = __abs__ = _answer()
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _answer()
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _answer()
    __mod__ = __rmod__ = __pow__ = __rpow__ = _answer()
    __int__ = __index__ = __round__ = _answer(0)
    __float__ = _answer(0.0)
    __lt__ = __le__ = __gt__ = __ge__ = _answer(False)  # noqa: FBT003


class UndescribedName(MissingName):
    """The value of a name that the typed props lack, which may not even be tested."""

    __slots__ = ()

    __bool__ = __eq__ = __contains__ = _answer(False)  # noqa: FBT003
    __len__ = _answer(0)

    def __iter__(self) -> Iterator[Any]:
        self._tell()
        return iter(())

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        self._tell()
        return id(self)


def calling_frame() -> FrameType:
    """Return the frame of the code that called the function which calls this."""
    return sys._getframe(2)  # noqa: SLF001 - as Jinja's own tracebacks are made


def _place_of(name: str) -> tuple[str, int | None]:
    """Return the innermost template line with the name, not that of a macro that gets it as an
    argument.
    """
    places: list[tuple[str, int]] = []
    for frame, line in walk_stack(calling_frame()):
        template = frame.f_globals.get("__jinja_template__")
        if isinstance(template, Template):
            file = template.filename or template.name or ""
            places.append((file, template.get_corresponding_lineno(line)))
            linecache.checkcache(file)
    if not places:
        return "", None
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    named = (place for place in places if word.search(linecache.getline(*place)))
    return next(named, places[0])


_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp")
_MAKES_LINKS = frozenset(
    {"asset", "href", "link", "path", "reverse", "route", "static", "uri", "url"}
)


class StandIn(Undefined):
    """The value of a name that could not be guessed: a plausible text, true, a list of one, and a
    function.
    """

    __slots__ = ()

    def __str__(self) -> str:
        of = None
        if isinstance(self._undefined_obj, StandIn):
            of = self._undefined_obj._undefined_name  # noqa: SLF001 - its own kind
        named = Named(str(self._undefined_name or "text"), str(of or ""))
        return text_for(named) or str(named)

    def __html__(self) -> str:
        return str(self)

    def __iter__(self) -> Iterator["StandIn"]:
        yield self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _REFUSED:
            raise AttributeError(name)
        if name == "items":
            return self._items
        return StandIn(name=name, obj=self)

    def __getitem__(self, key: object) -> Any:
        if isinstance(key, str):
            return StandIn(name=key, obj=self)
        return self

    def _items(self) -> list[tuple[str, Any]]:
        return [("name", StandIn(name="value"))]

    def _call(self, *arguments: Any, **named: Any) -> Any:
        """Return a stand-in for a result: `url_for("orders.show")` is a link with this name.

        If the name is that of one of Python's own functions, this is called.
        """
        name = str(self._undefined_name)
        if self._undefined_obj is missing and name in python_functions.NAMES:
            with suppress(Exception):  # a stand-in among the arguments may fit no function
                return python_functions.call_python(name, *arguments, **named)
        texts = [text for text in (*named.values(), *arguments) if isinstance(text, str)]
        for text in texts:
            if text.lower().endswith(_PICTURES):
                return StandIn(name=f"{PurePosixPath(text).stem}_image")
        makes_link = not _MAKES_LINKS.isdisjoint(Named(name).words)
        if arguments and texts and makes_link:
            return StandIn(name=f"{texts[-1]}_url")
        return self

    __call__ = _call

    def _tell(self) -> None:
        """Do nothing: it is no fault."""

    def __add__(self, other: Any) -> Any:
        return str(self) + other if isinstance(other, str) else 1

    def __radd__(self, other: Any) -> Any:
        return other + str(self) if isinstance(other, str) else 1

    __int__ = __index__ = __round__ = __len__ = _answer(1)
    __float__ = _answer(1.0)
    __neg__ = __pos__ = __abs__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _answer(1)
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _answer(1)
    __mod__ = __rmod__ = __pow__ = __rpow__ = _answer(1)
    __bool__ = __lt__ = __le__ = __gt__ = __ge__ = _answer(True)  # noqa: FBT003
