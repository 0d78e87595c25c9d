"""Just enough DER (X.690) to put a set in its order, which some authorities do not."""

from __future__ import annotations

from collections.abc import Iterator

_CERTIFICATES = 0xA0  # [0], as SignedData has it (RFC 5652, 5.1)


def certificates_in_order(response: bytes) -> bytes:
    """An RFC 3161 TimeStampResp whose certificates are in the order that DER wants of a set.

    OpenSSL writes them as it has them, and strict readers refuse that. No signature is over them. What
    has not that form stays as it is.
    """
    try:
        (_, begin, end), *_ = _elements(response, 0, len(response))
        _, (_, begin, end) = list(_elements(response, begin, end))[:2]  # after the status the token
        _, (_, begin, end) = _elements(response, begin, end)  # after its type the content
        ((_, begin, end),) = _elements(response, begin, end)
        for tag, first, last in _elements(response, begin, end):
            if tag == _CERTIFICATES:
                return response[:first] + b"".join(sorted(_whole(response, first, last))) + response[last:]
    except (ValueError, IndexError):
        pass
    return response


def _whole(data: bytes, begin: int, end: int) -> Iterator[bytes]:
    """The elements between `begin` and `end`, heads included."""
    for _, _, last in _elements(data, begin, end):
        yield data[begin:last]
        begin = last


def _elements(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Tag, and where the content begins and ends, of each element; raises ValueError, IndexError."""
    while begin < end:
        tag, length, first = data[begin], data[begin + 1], begin + 2
        if length & 0x80:
            count = length & 0x7F
            length, first = int.from_bytes(data[first : first + count], "big"), first + count
        if tag & 0x1F == 0x1F or first + length > end:
            raise ValueError("no DER that is needed here")
        yield tag, first, first + length
        begin = first + length
