"""JupyterHub's program for users' servers, without the hub's own database.

That program imports modules of the hub itself, and with them SQLAlchemy, Alembic and all pages of the hub. It
needs two names of theirs, for the type of an error and of a page that only a hub has. Everything else is
imported as it is, also SQLAlchemy by whoever wants it later.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

PROGRAM = "jupyterhub.singleuser"
_WHOLE = "HUBSMITH_WHOLE_JUPYTERHUB"
_STAND_INS = {
    "sqlalchemy": (),
    "sqlalchemy.exc": ("SQLAlchemyError",),
    "jupyterhub.handlers": (),
    "jupyterhub.handlers.pages": ("HealthCheckHandler",),
    "jupyterhub.orm": (),
    "jupyterhub.roles": (),
}
"""{module: the classes that are imported from it}."""


def singleuser() -> ModuleType:
    """jupyterhub.singleuser.

    With a JupyterHub that needs more of these modules the process begins again and has the real ones: what is
    half imported cannot be taken back.
    """
    if os.environ.pop(_WHOLE, ""):
        return importlib.import_module(PROGRAM)
    try:
        with _stand_ins():
            return importlib.import_module(PROGRAM)
    except (ImportError, AttributeError, TypeError):
        os.environ[_WHOLE] = "1"
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this very program


@contextmanager
def _stand_ins() -> Iterator[None]:
    """While JupyterHub is imported: where one of these modules is there already, all stay as they are."""
    if any(name in sys.modules for name in _STAND_INS):
        yield
        return
    for name, classes in _STAND_INS.items():
        sys.modules[name] = module = ModuleType(name)
        module.__path__ = []
        for one in classes:
            setattr(module, one, type(one, (Exception,), {}))
    try:
        yield
    finally:
        for name in _STAND_INS:
            sys.modules.pop(name, None)
