"""`{% mjml %}` as packages have it: a node that renders what is in it, and hands it on to be
compiled elsewhere.
"""

from typing import Any

from django import template

register = template.Library()


class MjmlNode(template.Node):  # type: ignore[misc]
    def __init__(self, nodelist: Any) -> None:
        self.nodelist = nodelist

    def render(self, context: Any) -> str:
        self.nodelist.render(context)
        raise ConnectionError("the server of the MJML compiler is not there")


@register.tag  # type: ignore[untyped-decorator]
def mjml(parser: Any, _: Any) -> MjmlNode:
    nodelist = parser.parse(("endmjml",))
    parser.delete_first_token()
    return MjmlNode(nodelist)
