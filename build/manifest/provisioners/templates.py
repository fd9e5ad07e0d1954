"""Templates below files/: rendered with Jinja2 in strict mode, or why not, and in which line."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Set

import jinja2
import jinja2.meta
from jinja2 import nodes

SUFFIX = ".j2"
_FROM_ELSEWHERE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class TemplateError(Exception):
    """What is wrong with a template, and its line (from 1)."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message, self.line = message, line


def render(text: str, variables: Mapping[str, object]) -> str:
    """The text of a template with the variables filled in. Raises TemplateError."""
    try:
        return _compiled(text).render(dict(variables))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"not a valid template: {error.message}", error.lineno) from error
    except jinja2.UndefinedError as error:
        raise TemplateError(str(error.message), _line_of(error)) from error
    except Exception as error:  # whatever a filter or a method of a value raises
        raise TemplateError(
            f"cannot be rendered: {type(error).__name__}: {error}", _line_of(error)
        ) from error


def problems(text: str, known: Set[str] | None) -> Iterator[TemplateError]:
    """What is wrong with a template whatever its variables' values; `known` are their names."""
    try:
        tree = _environment().parse(text)
    except jinja2.TemplateSyntaxError as error:
        yield TemplateError(f"not a valid template: {error.message}", error.lineno)
        return
    for node in tree.find_all(_FROM_ELSEWHERE):
        yield TemplateError("cannot include or extend another template", node.lineno)
    if known is None:
        return
    undeclared = jinja2.meta.find_undeclared_variables(tree) - known
    for name in sorted(undeclared):
        lines = [node.lineno for node in tree.find_all(nodes.Name) if node.name == name]
        yield TemplateError(f"{name!r} is not a variable of provisioner.yaml", min(lines, default=1))


@functools.lru_cache(maxsize=256)  # one is rendered for the checks, for the fingerprint and for the machine
def _compiled(text: str) -> jinja2.Template:
    return _environment().from_string(text)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML
    )


def _line_of(error: BaseException) -> int:
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
