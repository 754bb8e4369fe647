"""What a waiting child does beforehand: it leaves nothing, and never fails."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from instruments.models import PriceBar
from tests.market import candle, make_series
from tests.training.carrying import carried
from training.artifacts.storage import artifact_storage
from training.worker.rehearsal import rehearse

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both]


def statements() -> list[str]:
    """Of a rehearsal, in which no step may fail."""
    with CaptureQueriesContext(connection) as captured:
        rehearse()
    return [str(query["sql"]) for query in captured.captured_queries]


def test_it_reads_bars_as_the_newest_run_did_and_writes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert not any("instruments_pricebar" in sql for sql in statements())
    make_series()
    carried({"candle_date": candle(500), "symbol": "SPY", "train_years": 1.5, "test_window_size": 30})
    folders = artifact_storage().folders()
    asked = statements()
    assert any("instruments_pricebar" in sql for sql in asked)
    assert all(sql.startswith(("SELECT", "COPY", "PRAGMA")) for sql in asked)
    assert artifact_storage().folders() == folders
    PriceBar.objects.all().delete()
    statements()
    assert "rehearsal" not in caplog.text
