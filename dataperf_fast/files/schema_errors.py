"""What a field was expected to hold, in our words: pydantic's own change with its versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel

_EXPECTED = {
    "string_type": "text",
    "string_unicode": "text without lone surrogates",
    "finite_number": "a finite number",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "path_type": "a path",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "tuple_type": "a list",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "dict_type": "named fields",
    "model_type": "named fields",
    "model_attributes_type": "named fields",
    "datetime_type": "a time",
    "invalid_key": "names of fields that are text",
    "literal_error": "{expected}",
    "value_error": "{error}",
}


def expected(first: Any) -> str:
    """What the field of ``first``, an entry of ``ValidationError.errors()``, was expected to hold."""
    return _EXPECTED.get(first["type"], "another value").format(**first.get("ctx", {}))


def fields_at(schema: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The fields that are known beside the one at ``location``, which is not."""
    for part in location[:-1]:
        if part in schema.model_fields:
            schema = model_in(schema.model_fields[str(part)].annotation) or schema
    return list(schema.model_fields)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation, such as a list of it, is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)
