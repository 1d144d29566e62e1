"""Files that a browser saves and never shows."""

from urllib.parse import quote

from litestar import Response


def attached(content: bytes, content_type: str, name: str) -> Response[bytes]:
    """Answer with a file to be saved (RFC 6266). Were it shown all the same, it could do nothing (CSP Level 3)."""
    headers = {
        "content-disposition": content_disposition(name),
        "content-security-policy": "default-src 'none'; sandbox",
    }
    return Response(content, media_type=content_type, headers=headers)


def content_disposition(name: str) -> str:
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "_" for letter in name)
    plain = plain.replace("\\", "_").replace('"', "_")
    return f'attachment; filename="{plain}"' + ("" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}")
