"""Brings docstrings, which are written for ``help()``, into the form of the site (an extension of griffe).

Roles of reStructuredText become code, and what says "Internal." stays out of the reference.
"""

import re

import griffe

_ROLE = re.compile(r":(?:class|meth|func|mod|attr|exc|data):`~?([^`]+)`")


class Docstrings(griffe.Extension):
    def on_object(self, *, obj, **_):
        if obj.docstring is None:
            return
        obj.docstring.value = re.sub(r"::$", ":", _ROLE.sub(r"`\1`", obj.docstring.value), flags=re.MULTILINE)

    def on_class(self, *, cls, **_):
        for name, member in list(cls.members.items()):
            if not member.is_alias and member.docstring and member.docstring.value.rstrip().endswith("Internal."):
                del cls.members[name]
