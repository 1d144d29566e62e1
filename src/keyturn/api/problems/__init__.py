"""Errors as problem documents (RFC 9457): the documents, what each says besides, and how OpenAPI describes them."""
