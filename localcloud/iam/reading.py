"""A request -> its operation and parameters, by botocore's models."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound


def read(service: str, request: Request) -> tuple[str, dict[str, Any]] | None:
    """None for a request that is malformed: moto will say what is wrong with it."""
    model = get_service_model(service)
    try:
        operation, place = get_service_router(service).match(request)
        protocol = determine_request_protocol(model, request.content_type)
        parser = PROTOCOL_PARSERS[protocol](operation, map_type=dict)
        parameters = parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": place,
            }
        )
    except (NotFound, NotImplementedError, ServiceException, KeyError, ValueError):
        return None
    return operation.name, parameters
