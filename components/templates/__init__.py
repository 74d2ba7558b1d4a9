"""Configuration files of the servers, rendered from the models."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - these are no web pages; every value comes from a validated model
)


def render(template: str, **values: object) -> str:
    """The template's text; a value that is missing is an error."""
    return _ENVIRONMENT.get_template(template).render(**values)
