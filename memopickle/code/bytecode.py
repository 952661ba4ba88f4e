"""The form of a code object that says what it does, without where it stands.

File name, line numbers and docstring stay out; everything that the interpreter acts on is in. Two uses:
whether a source text compiles to the code that is loaded, and the digest of code whose source is not at hand.
"""

from __future__ import annotations

import sys
from types import CodeType

from blake3 import blake3

from memopickle.code.constants import encode_constant, framed

__all__ = ["bytecode_digest", "bytecode_form"]

_HAS_DOCSTRING = 0x4000000  # CO_HAS_DOCSTRING of 3.13; before, nothing marks it


def bytecode_digest(code: CodeType) -> bytes:
    """Return the digest (32 bytes) of compiled code, for this minor version of this interpreter."""
    version = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"
    return blake3(framed(b"B", version.encode()) + bytecode_form(code)).digest()


def bytecode_form(code: CodeType) -> bytes:
    """Return the canonical bytes of a code object: the same for the same text at another place."""
    shape = (
        code.co_name,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags & ~_HAS_DOCSTRING,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_code,
        code.co_exceptiontable,
    )
    return framed(b"C", encode_constant(shape) + b"".join(map(_constant, _used_constants(code))))


def _constant(value: object) -> bytes:
    if isinstance(value, CodeType):
        return bytecode_form(value)
    return encode_constant(value)


def _used_constants(code: CodeType) -> tuple[object, ...]:
    """Return the constants, less a docstring: a string in the first place that no instruction loads."""
    constants = code.co_consts
    if constants and isinstance(constants[0], str) and not _loads_first_constant(code.co_code):
        return (..., *constants[1:])
    return constants


def _loads_first_constant(instructions: bytes) -> bool:
    # Two bytes each, operation and argument. An argument of 0 with a prefix (EXTENDED_ARG) is another
    # constant; taking it for the first one keeps a docstring in, which is too fine, never too coarse.
    from opcode import opmap  # costs 1 ms, only code with a string in front needs it

    loads = {opmap["LOAD_CONST"], opmap.get("RETURN_CONST", opmap["LOAD_CONST"])}
    return any(instructions[i] in loads and not instructions[i + 1] for i in range(0, len(instructions), 2))
