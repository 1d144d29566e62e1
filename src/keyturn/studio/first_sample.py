"""A first sample to start from, as the text of a samples.toml: data that the typed props accept, with what they say."""

from msgspec import inspect

from keyturn.gallery import Sample
from keyturn.gallery.plain_data import plain_data, without_defaults
from keyturn.gallery.sample_writing import NATIVE, toml_lines
from keyturn.gallery.shapes import description_of, parts_of
from keyturn.mail.render import EmailProps
from keyturn.studio.surprises import surprise

_SEED = 1


def first_sample(props: type[EmailProps]) -> str:
    fields = parts_of(inspect.type_info(props))
    made_up = surprise(Sample("first", {}), props, _SEED).values
    comments = {field.name: description_of(field.type) for field in fields}
    return toml_lines("first", without_defaults(plain_data(made_up, NATIVE[".toml"]), fields), comments)
