"""The columns of the table of notices."""

from boursomatic.notices.models import Notice
from boursomatic.shared.tables import Column, Table, TableName

NOTICES = Table[Notice](
    name=TableName.NOTICES,
    columns=(
        Column("kind", "Kind", lambda notice: notice.get_kind_display(), sort="kind"),
        Column("text", "Notice", lambda notice: notice.text),
        Column("day", "Day", lambda notice: notice.day, sort="day", begins_high=True),
        Column("made", "Noticed (UTC)", lambda notice: notice.made_at, sort="pk", begins_high=True),
    ),
    more=(
        Column("subject", "About", lambda notice: notice.subject),
        Column("address", "Address", lambda notice: notice.get_absolute_url()),
    ),
)
