"""The files of a folder, read for an editor and saved unless they have changed on disk since."""

import codecs
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from litestar.exceptions import HTTPException, PermissionDeniedException
from msgspec import Struct
from msgspec.structs import asdict

from keyturn.errors import TemplateInvalid
from keyturn.plain_files import read_plain_file, replace_file
from keyturn.studio.gallery import Gallery
from keyturn.studio.gallery.naming import LARGEST
from keyturn.studio.gallery.saving import ONE_SAVE_AT_A_TIME

_LINE_END = re.compile(r"\r\n|\r|\n")
_SAMPLES = frozenset({".toml", ".json"})


class FileText(Struct, frozen=True):
    """The `text` of a file with line feeds, and the `fingerprint` of its octets."""

    text: str
    fingerprint: str


class SourceFiles:
    """Reads and saves the files whose source the studio shows.

    `off`: why nothing can be edited, or empty.

    A path must name a file that the gallery knows, and that is in the folder after links are
    followed (OWASP ASVS 5.0, 5.3.2). For a file that cannot be edited, the answer is a 403 that
    says why.
    """

    def __init__(self, gallery: Gallery, off: str) -> None:
        self._gallery = gallery
        self._off = off

    def refusal(self, file: str) -> str:
        """Return why a file cannot be edited, or an empty text."""
        if self._off:
            return self._off
        path = (self._gallery.folders / file).resolve()
        if not path.is_relative_to(self._gallery.folder.resolve()):
            return "Read-only: this file is outside the folder."
        if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
            return "Read-only: the studio may not write to this file or its folder."
        return ""

    def require_editable(self, file: str) -> None:
        """Raise PermissionDeniedException for a file that cannot be edited."""
        refusal = self.refusal(file)
        if refusal:
            raise PermissionDeniedException(detail=refusal)

    def read(self, file: str) -> FileText:
        """Return the text of a file. Raises LookupError, PermissionDeniedException."""
        return _file_text(self._path(file), self._octets(file))

    def save(self, file: str, text: str, fingerprint: str) -> FileText:
        """Write the text; keep the file's line ends, its mark and its permissions.

        Raises LookupError and HTTPException, with the text of a file that has changed since. The
        file stays as it is.
        """
        path = self._path(file)
        new = _LINE_END.sub("\n", text)
        size = len(new.encode())
        if size > LARGEST:
            says = f"A template can have up to {LARGEST:,} bytes, but this text has {size:,}."
            raise HTTPException(status_code=413, detail=says)
        with ONE_SAVE_AT_A_TIME:
            before = self._octets(file)
            if _fingerprint(before) != fingerprint:
                says = "the file has changed on the disk since it was read"
                now = asdict(_file_text(path, before))
                raise HTTPException(status_code=409, detail=says, extra=now)
            octets = _as_before(before, new)
            try:
                replace_file(path, octets)
            except OSError as error:
                says = f"The file could not be written: {error.strerror or error}."
                raise PermissionDeniedException(detail=says) from error
        return FileText(new, _fingerprint(octets))

    def _path(self, file: str) -> Path:
        if not (self._off or self._is_known(file)):
            raise LookupError(f"The studio shows no file named {file}.")
        self.require_editable(file)
        return (self._gallery.folders / file).resolve()

    def _octets(self, file: str) -> bytes:
        try:
            return read_plain_file(self._gallery.folders / file, LARGEST)
        except OSError as error:
            if error.errno == errno.EFBIG:
                says = (
                    f"Read-only: a template can have up to {LARGEST:,} bytes, but this file "
                    "has more."
                )
                raise PermissionDeniedException(detail=says) from error
            raise LookupError(f"{file} cannot be read: {error.strerror or error}.") from error

    def _is_known(self, file: str) -> bool:
        if not file:  # a mail without a text part has a file without a name
            return False
        with self._gallery.one_look():
            if file in self._gallery.shared_files():
                return True
            if any(file in self._gallery.files_of(name) for name in self._gallery.names()):
                return True
            return Path(file).suffix.lower() in _SAMPLES and file in self._samples_files()

    def _samples_files(self) -> Iterator[str]:
        for name in self._gallery.names():
            try:
                for sample in self._gallery.samples(name).values():
                    yield sample.file
            except TemplateInvalid as error:  # the file that needs a fix
                yield self._gallery.name_of(error.path)


def _file_text(path: Path, octets: bytes) -> FileText:
    """Return the text of a file. Raises PermissionDeniedException if saving it would change more
    than its text.
    """
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        says = f"Read-only: {path.name} is not UTF-8, so saving would change it."
        raise PermissionDeniedException(detail=says) from error
    if len({*_LINE_END.findall(text)}) > 1:
        says = (
            f"Read-only: the lines of {path.name} end in several ways, so saving would change them."
        )
        raise PermissionDeniedException(detail=says)
    return FileText(_LINE_END.sub("\n", text), _fingerprint(octets))


def _fingerprint(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _as_before(before: bytes, text: str) -> bytes:
    """Return the text with the mark (BOM) and the line ends of the old file."""
    end = _LINE_END.search(before.decode("utf-8-sig"))
    octets = text.replace("\n", end[0] if end else "\n").encode()
    if before.startswith(codecs.BOM_UTF8):
        return codecs.BOM_UTF8 + octets
    return octets
