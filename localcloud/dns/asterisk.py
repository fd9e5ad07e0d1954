"""The asterisk of a wildcard: Route 53 lists * as \\052, however it was given; moto does not."""

from __future__ import annotations


def for_moto(request: bytes) -> bytes:
    """A request to Route 53 with the names of records as moto is to keep them."""
    return request.replace(rb"<Name>\052.", b"<Name>*.")


def as_listed(answer: bytes) -> bytes:
    """An answer of moto's with the names of records as Route 53 lists them."""
    return answer.replace(b"<Name>*.", rb"<Name>\052.").replace(
        b"<NextRecordName>*.", rb"<NextRecordName>\052."
    )
