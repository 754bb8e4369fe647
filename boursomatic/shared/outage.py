"""What to tell who asks for something while the database can't be connected to."""

from django.db import Error as DbError

from boursomatic.shared.logs import without_secrets

_WHAT_TO_DO = {  # by a word of libpq's or the server's message
    "password": "Correct user and password in DATABASE_URL.",
    "authentication": "Correct user and password in DATABASE_URL.",
    "does not exist": "Create it, or name another in DATABASE_URL.",
    "invalid dsn": "Correct DATABASE_URL: postgres://user:password@host:port/name.",
}
_ELSE = "See that it runs, and that DATABASE_URL names it."


def unreachable(error: DbError) -> str:
    """Why there is no connection, and what to do; "" for what a database that is connected to complains of, which has a
    code of PostgreSQL."""
    first = without_secrets(next(iter(str(error).strip().splitlines()), "")).rstrip(".")
    is_postgresql = getattr(error.__cause__, "pgcode", "") is None
    if not is_postgresql and "unable to open database file" not in first:
        return ""
    to_do = next((to_do for word, to_do in _WHAT_TO_DO.items() if word in first), _ELSE)
    return f"The database can't be used: {first}. {to_do}"
