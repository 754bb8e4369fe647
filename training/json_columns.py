"""Parts of a JSON column as columns of their own, which the database itself keeps equal to it."""

from typing import Any

from django.db.models import Field, Func, TextField
from django.db.models.fields import FloatField


class JsonPart(Func):
    """What lies at `path` of a JSON column, as `kind` of column; NULL where nothing or a null does.

    Made for generated columns and their indexes: Django's own KeyTransform turns a JSON null into a text on SQLite.
    """

    def __init__(self, column: str, *path: str, kind: "type[Field[Any, Any]]" = TextField) -> None:
        self.path = path
        super().__init__(column, output_field=kind())

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        column, params = compiler.compile(self.source_expressions[0])
        return f"JSON_EXTRACT({column}, '$.{'.'.join(self.path)}')", params

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        column, params = compiler.compile(self.source_expressions[0])
        text = f"{column} #>> '{{{','.join(self.path)}}}'"
        return (
            f"CAST({text} AS double precision)" if isinstance(self.output_field, FloatField) else f"({text})"
        ), params
