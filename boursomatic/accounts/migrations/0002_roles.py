"""One group for each role (boursomatic.accounts.roles.Role)."""

from django.db import migrations


def make_groups(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ("viewer", "trainer", "manager", "admin"):
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    # Backwards nothing: members would lose their roles.
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
