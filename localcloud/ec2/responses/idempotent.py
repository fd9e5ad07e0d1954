"""Requests with a client token: answered once, whatever the action does."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult

from localcloud.ec2.errors import Ec2Error
from localcloud.ec2.responses.base import LocalActions
from localcloud.ec2.rules import client_tokens

_SUCCESS = 200


class IdempotentActions(LocalActions):
    """All actions whose parameters have a client token, moto's own among them."""

    def call_action(self) -> TYPE_RESPONSE:
        """Answer the request, or again what the first one with its token was answered."""
        # A copy: some of moto's actions change their parameters.
        asked: Mapping[str, Any] = deepcopy(dict(self.params))
        if not asked.get(client_tokens.PARAMETER) or asked.get("DryRun"):
            return super().call_action()
        action = self._get_action()
        try:
            known = client_tokens.repeated(self.backend, action, asked)
        except Ec2Error as refused:
            return self.serialized(ActionResult(refused))
        if known is not None:
            return _SUCCESS, dict(self.response_headers), known
        status, headers, body = super().call_action()
        if status == _SUCCESS:
            text = body.decode() if isinstance(body, bytes) else str(body)
            client_tokens.remember(self.backend, action, asked, text)
        return status, headers, body
