"""Why a conversion is refused."""

from __future__ import annotations


class NotConverted(Exception):
    """A conversion came to nothing, for a reason that the file, the document or a limit gives.

    `code` is stable: file_type_unknown, file_broken, file_too_large, too_complex, too_slow, failed.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
