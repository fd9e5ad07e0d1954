"""moto's EC2 addresses with our responses behind them."""

from __future__ import annotations

from moto.ec2.urls import url_bases

from localcloud.ec2.responses import LocalResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/": LocalResponse.dispatch}
