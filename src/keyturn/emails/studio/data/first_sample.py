"""A first sample to start from, as the text of a samples.toml: data that the typed props accept, with what they say."""

from msgspec import inspect

from keyturn.emails.gallery import Sample
from keyturn.emails.gallery.samples.plain_data import plain_data, without_defaults
from keyturn.emails.gallery.samples.shapes import description_of, parts_of
from keyturn.emails.gallery.samples.writing import NATIVE, toml_lines
from keyturn.emails.studio.data.random_data import random_sample
from keyturn.mail.rendering.render import EmailProps

_SEED = 1


def first_sample(props: type[EmailProps]) -> str:
    fields = parts_of(inspect.type_info(props))
    made_up = random_sample(Sample("first", {}), props, _SEED).values
    comments = {field.name: description_of(field.type) for field in fields}
    return toml_lines("first", without_defaults(plain_data(made_up, NATIVE[".toml"]), fields), comments)
