"""What every section of the manifest is: a mapping that takes nothing it does not know."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A mapping of the manifest: immutable, unknown keys refused, no silent conversions ("3" is not 3)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, populate_by_name=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, data: object) -> object:
        """`tags:` with nothing after it is as good as absent, except where nothing is itself a setting.

        An unknown key with nothing after it is refused as any other: somebody meant something by it.
        """
        if not isinstance(data, Mapping):
            return data
        nullable = {
            name
            for name, field in cls.model_fields.items()
            if type(None) in getattr(field.annotation, "__args__", ())
        }
        known = {key for name, field in cls.model_fields.items() for key in (name, field.alias)}
        droppable = known - nullable
        return {key: value for key, value in data.items() if value is not None or key not in droppable}
