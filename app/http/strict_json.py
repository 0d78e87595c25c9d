"""JSON from strangers: I-JSON (RFC 7493), of bounded depth.

Refused: anything but UTF-8, a member named twice, NaN and infinities, lone surrogates, U+0000
(no text column holds it), nesting deeper than `DEPTH`, whole numbers of thousands of digits.
"""

from __future__ import annotations

import json
from typing import Any

DEPTH = 32


class NotJson(ValueError):
    """The bytes are not the JSON we accept; the message says why, without quoting them."""


def parse(data: bytes) -> tuple[Any, bytes]:
    """The value, and its canonical bytes (sorted keys, no spaces); raises NotJson."""
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_members, parse_float=_finite, parse_constant=_refuse
        )
        _check(value)
        canonical = json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
        ).encode()
    except NotJson:
        raise
    except UnicodeError:
        raise NotJson("the text is not UTF-8") from None
    except RecursionError:
        raise NotJson(f"nested deeper than {DEPTH} levels") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from None
    except ValueError:
        raise NotJson("a number has too many digits") from None
    return value, canonical


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise NotJson("a member stands twice in one object")
    return result


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise NotJson("a number is too large")
    return number


def _refuse(text: str) -> None:
    raise NotJson(f"{text} is not a JSON value")


def _check(value: Any) -> None:
    """Walk level by level, so that depth costs no recursion."""
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str) and "\x00" in item:
                raise NotJson("a text holds U+0000")
            if isinstance(item, dict | list) and depth == DEPTH:
                raise NotJson(f"nested deeper than {DEPTH} levels")
        level, depth = below, depth + 1
