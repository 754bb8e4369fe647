"""Chains the entries of before, then has the database refuse to change or delete any."""

from django.db import migrations

from boursomatic.accounts.append_only import triggers_drop, triggers_make
from boursomatic.accounts.chain import content_of, entry_hash

AT_ONCE = 1_000


def chain_entries(apps, schema_editor):
    """In the order of their ids, a thousand at a time."""
    entry_model = apps.get_model("accounts", "AuditEntry")
    number, last_hash = 0, ""
    while entries := list(entry_model.objects.filter(number=None).order_by("pk")[:AT_ONCE]):
        for entry in entries:
            number += 1
            last_hash = entry_hash(last_hash, number, content_of(entry))
            entry.number, entry.hash = number, last_hash
        entry_model.objects.bulk_update(entries, ["number", "hash"])
    apps.get_model("accounts", "AuditHead").objects.create(pk=1, number=number, hash=last_hash)


def unchain_entries(apps, schema_editor):
    triggers_drop(schema_editor.connection)
    apps.get_model("accounts", "AuditEntry").objects.update(number=None, hash="")
    apps.get_model("accounts", "AuditHead").objects.all().delete()


def keep_entries(apps, schema_editor):
    triggers_make(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_audit_chain"),
    ]

    operations = [
        migrations.RunPython(chain_entries, unchain_entries),
        migrations.RunPython(keep_entries, migrations.RunPython.noop),
    ]
