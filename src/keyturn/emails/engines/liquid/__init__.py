"""Liquid, by python-liquid: the language of Shopify's notifications, of Customer.io, Klaviyo and their like.

It was made for templates of people whom nobody has trusted: no expression reaches more than the values that it is
given, and python-liquid bounds loops, depth and length (`environment`), so a folder of somebody else needs no other
sandbox. Nothing is escaped where no filter does it, as Shopify has it and unlike Jinja.

**Two trees.** python-liquid draws its own, whose nodes tell where they stand (`tracing`). For what templates are given
and which branches they have, the same template is written down as Jinja's syntax tree (`trees`), so whoever reads
Jinja reads Liquid: `gallery/variables` and `gallery/branches` are the same for both.
"""

from keyturn.emails.engines.liquid.opening import open_liquid

__all__ = ["open_liquid"]
