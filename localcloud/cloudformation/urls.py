"""moto's CloudFormation addresses with our responses behind them."""

from __future__ import annotations

from moto.cloudformation.urls import url_bases

from localcloud.cloudformation.change_set_responses import ChangeSetResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": ChangeSetResponse.dispatch}
