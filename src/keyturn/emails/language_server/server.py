"""The server: it follows open files, and answers an editor's questions about them."""

import asyncio
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path
from pygls.workspace import TextDocument

from keyturn.emails.gallery.gallery import Draft
from keyturn.emails.gallery.sizes import LARGEST
from keyturn.emails.language_server.completion import Completion, completions
from keyturn.emails.language_server.cursor import cursor_at, word_at
from keyturn.emails.language_server.hover import describe
from keyturn.emails.lint.examination import MailFinding
from keyturn.emails.lint.finding import Finding, Place, limit_finding
from keyturn.emails.lint.vocabulary import vocabulary
from keyturn.emails.mails import Mails
from keyturn.emails.renderers import LimitExceeded, Runner

_PAUSE = 0.3
"""Seconds without a change after which a text is checked."""

_MOST_MAILS = 8
"""Mails in which a shared file is checked."""

_TRIGGERS = ("<", "/", " ", "{", "%", "|", ".", '"', "'")

_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "note": types.DiagnosticSeverity.Information,
}

_KINDS = {
    "element": types.CompletionItemKind.Class,
    "attribute": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.Value,
    "name": types.CompletionItemKind.Variable,
    "tag": types.CompletionItemKind.Keyword,
    "filter": types.CompletionItemKind.Function,
    "test": types.CompletionItemKind.Function,
    "file": types.CompletionItemKind.File,
}


def _findings_in(mails: Mails, draft: Draft, templates: Sequence[str], in_branches: bool) -> Sequence[MailFinding]:
    """Return the findings in an unsaved file, in these mails, in a renderer."""
    found = mails.with_draft(draft, in_branches=in_branches).check(templates).found
    return [one for one in found if one.finding.place.file == draft.file]


def _words(mails: Mails, template: str) -> dict[str, Any]:
    return vocabulary(mails.gallery, template)


class _MailServer(LanguageServer):
    """Checks the open files of a folder, each when it rests for a moment."""

    def __init__(self, mails: Mails, runner: Runner[Mails]) -> None:
        super().__init__("keyturn", version("keyturn"), types.TextDocumentSyncKind.Incremental)
        self.mails = mails
        self._runner = runner
        self._asked: dict[str, int] = {}
        self._wholly: set[str] = set()
        self._checks: dict[str, asyncio.Task[None]] = {}
        self._fixes: dict[str, tuple[int | None, list[types.CodeAction]]] = {}
        self._words: dict[str, dict[str, Any]] = {}

    # Findings

    def ask(self, uri: str, *, in_branches: bool) -> None:
        """Have a file checked soon."""
        self._asked[uri] = self._asked.get(uri, 0) + 1
        if in_branches:
            self._wholly.add(uri)
        if uri not in self._checks:
            self._checks[uri] = asyncio.create_task(self._check_until_current(uri))

    def ask_for_all(self) -> None:
        """Have all open files checked: one that others share was saved."""
        self._words.clear()
        for uri in self._asked:
            self.ask(uri, in_branches=True)

    def forget(self, uri: str) -> None:
        self._asked.pop(uri, None)
        self._fixes.pop(uri, None)
        self._publish(uri, None, [])

    async def _check_until_current(self, uri: str) -> None:
        try:
            while (asked := self._asked.get(uri)) is not None:
                await asyncio.sleep(_PAUSE)
                if self._asked.get(uri) == asked:
                    await self._check(uri)
                if self._asked.get(uri) == asked:
                    break
        finally:
            del self._checks[uri]

    async def _check(self, uri: str) -> None:
        document, file = self.workspace.get_text_document(uri), self.file_of(uri)
        in_branches, text, of_version = uri in self._wholly, document.source, document.version
        self._wholly.discard(uri)
        if not file or len(text) > LARGEST:
            return
        found = await asyncio.to_thread(self._findings, Draft(file, text), in_branches)
        if uri in self._asked and document.version == of_version:
            diagnostics = [_diagnostic(one.finding, document) for one in found]
            fixes = (_fix(one, said, document) for one, said in zip(found, diagnostics, strict=True))
            self._fixes[uri] = of_version, list(filter(None, fixes))
            self._publish(uri, of_version, diagnostics)

    def _findings(self, draft: Draft, in_branches: bool) -> Sequence[MailFinding]:
        templates = self._templates_of(draft.file)
        if not templates:
            return []
        seconds = self.mails.limits.seconds * _MOST_MAILS
        try:
            return self._runner.run_for(seconds, _findings_in, draft, templates, in_branches)
        except LimitExceeded as exceeded:
            return [MailFinding(limit_finding(exceeded.limit, Place(draft.file)), ())]

    def _templates_of(self, file: str) -> Sequence[str]:
        return self.mails.gallery.users(file)[:_MOST_MAILS]

    def _publish(self, uri: str, of_version: int | None, found: list[types.Diagnostic]) -> None:
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, version=of_version, diagnostics=found)
        )

    # What an author may ask

    def fixes_on(self, uri: str, lines: range) -> list[types.CodeAction]:
        """Return the fixes of the findings on these lines; none if the text has changed since they were found."""
        of_version, fixes = self._fixes.get(uri, (None, []))
        if self.workspace.get_text_document(uri).version != of_version:
            return []
        return [fix for fix in fixes for said in fix.diagnostics or () if said.range.start.line in lines]

    def file_of(self, uri: str) -> str:
        """Return the name of a file as templates use it; "" if it is in no folder of the mails."""
        path = Path(to_fs_path(uri) or "").resolve()
        return self.mails.gallery.folders.name_of(path) if path in self.mails.gallery.folders else ""

    async def words(self, uri: str) -> dict[str, Any]:
        """Return the vocabulary of the first mail that uses a file, as it is on the disk; {} if no mail does."""
        file = self.file_of(uri)
        if file and uri not in self._words:
            self._words[uri] = await asyncio.to_thread(self._find_words, file)
        return self._words.get(uri, {})

    def _find_words(self, file: str) -> dict[str, Any]:
        templates = self._templates_of(file)
        return self._runner.run(_words, templates[0]) if templates else {}

    def shared_files(self) -> Sequence[str]:
        return self.mails.gallery.shared_files()

    def file_meant(self, name: str, uri: str) -> Path | None:
        """Return the file that a template includes by a name."""
        gallery = self.mails.gallery
        meant = (gallery.folders / file for file in gallery.patterns.files_meant_by(name, self.file_of(uri)))
        return next((path for path in meant if path.is_file() and path.resolve() in gallery.folders), None)


def create_language_server(mails: Mails, runner: Runner[Mails]) -> LanguageServer:
    """Return the server; `start_io` runs it. `runner`: the renderers, which are already started."""
    server = _MailServer(mails, runner)
    _add_checks(server)
    _add_answers(server)
    return server


def _add_checks(server: _MailServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.ask(params.text_document.uri, in_branches=True)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.ask(params.text_document.uri, in_branches=False)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(_: types.DidSaveTextDocumentParams) -> None:
        server.ask_for_all()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def changed_on_disk(_: types.DidChangeWatchedFilesParams) -> None:
        server.ask_for_all()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)


def _add_answers(server: _MailServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=_TRIGGERS))
    async def complete(params: types.CompletionParams) -> list[types.CompletionItem]:
        uri, words = params.text_document.uri, await server.words(params.text_document.uri)
        if not words:
            return []
        document = server.workspace.get_text_document(uri)
        cursor = cursor_at(document.source, document.offset_at_position(params.position))
        written = document.position_codec.client_num_units(cursor.written)
        start = types.Position(params.position.line, max(params.position.character - written, 0))
        replaced = types.Range(start, params.position)
        return [_item(one, replaced) for one in completions(cursor, words, server.shared_files())]

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions([types.CodeActionKind.QuickFix]))
    async def fix(params: types.CodeActionParams) -> list[types.CodeAction]:
        asked = params.context.only
        if asked and types.CodeActionKind.QuickFix not in asked:
            return []
        return server.fixes_on(params.text_document.uri, range(params.range.start.line, params.range.end.line + 1))

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        words = await server.words(params.text_document.uri)
        document = server.workspace.get_text_document(params.text_document.uri)
        cursor = word_at(document.source, document.offset_at_position(params.position))
        said = describe(cursor, words, server.mails.chosen_clients.members) if words else ""
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, said)) if said else None

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def go_to(params: types.DefinitionParams) -> types.Location | None:
        uri = params.text_document.uri
        document = server.workspace.get_text_document(uri)
        cursor = word_at(document.source, document.offset_at_position(params.position))
        path = server.file_meant(cursor.written, uri) if cursor.kind == "file" and server.file_of(uri) else None
        at = types.Range(types.Position(0, 0), types.Position(0, 0))
        return types.Location(from_fs_path(str(path)) or "", at) if path else None


def _item(completion: Completion, replaced: types.Range) -> types.CompletionItem:
    return types.CompletionItem(
        label=completion.word,
        kind=_KINDS[completion.kind],
        detail=completion.detail or None,
        text_edit=types.TextEdit(replaced, completion.inserts or completion.word),
        insert_text_format=types.InsertTextFormat.Snippet if "$1" in completion.inserts else None,
    )


def _diagnostic(finding: Finding, document: TextDocument) -> types.Diagnostic:
    place = finding.place
    line = document.lines[place.line - 1] if place.line <= len(document.lines) else ""
    return types.Diagnostic(
        range=_range(place, _length_of_word(line[place.column - 1 :]), document),
        message=f"{finding.message} {finding.fix}".strip(),
        severity=_SEVERITIES[finding.severity],
        code=finding.rule,
        source="keyturn",
    )


def _fix(found: MailFinding, said: types.Diagnostic, document: TextDocument) -> types.CodeAction | None:
    correction = found.finding.correction
    if correction is None or not found.corrects:
        return None
    ranges = (_range(place, len(correction.wrong), document) for place in found.corrects)
    edits = [types.TextEdit(each, correction.right) for each in ranges]
    return types.CodeAction(
        title=f"Change '{correction.wrong}' to '{correction.right}'",
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[said],
        is_preferred=True,
        edit=types.WorkspaceEdit({document.uri: edits}),
    )


def _range(place: Place, length: int, document: TextDocument) -> types.Range:
    start, end = (types.Position(place.line - 1, place.column - 1 + more) for more in (0, length))
    return document.position_codec.range_to_client_units(document.lines, types.Range(start, end))


def _length_of_word(text: str) -> int:
    """Return how many characters to underline: a tag's start, a word, or one character."""
    word = text.lstrip("<{% ")
    letters = next((at for at, one in enumerate(word) if not (one.isalnum() or one in "-_")), len(word))
    return max(len(text) - len(word) + letters, 1) if letters else 1
