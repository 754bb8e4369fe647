"""Triggers that keep entries of the audit as they are: no change but being chained, once, and no deletion."""

from typing import Any

_CONTENT = ("id", "at", "user_id", "action", "subject", "details")
_SAME = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in _CONTENT)
_SAID = "entries of the audit are never changed or deleted"

POSTGRESQL = f"""
    CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND OLD.number IS NULL AND NEW.number IS NOT NULL AND {_SAME} THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '{_SAID}';
    END $$;
    CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
        FOR EACH ROW EXECUTE FUNCTION audit_append_only();
    CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON accounts_auditentry
        FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
"""
SQLITE = (
    f"""CREATE TRIGGER audit_no_change BEFORE UPDATE ON accounts_auditentry
    WHEN NOT (OLD.number IS NULL AND NEW.number IS NOT NULL AND {_SAME.replace("IS NOT DISTINCT FROM", "IS")})
    BEGIN SELECT RAISE(ABORT, '{_SAID}'); END""",
    f"""CREATE TRIGGER audit_no_deletion BEFORE DELETE ON accounts_auditentry
    BEGIN SELECT RAISE(ABORT, '{_SAID}'); END""",
)


def triggers_make(connection: Any) -> None:
    """On SQLite again after every migration that alters the table: Django makes it anew, without them."""
    with connection.cursor() as cursor:
        for statement in (POSTGRESQL,) if connection.vendor == "postgresql" else SQLITE:
            cursor.execute(statement)


def triggers_drop(connection: Any) -> None:
    """Before such a migration, and for tests, which empty all tables."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP FUNCTION IF EXISTS audit_append_only() CASCADE")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_change")
            cursor.execute("DROP TRIGGER IF EXISTS audit_no_deletion")
