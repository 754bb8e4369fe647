"""Read first by each Python whose clock a test sets. libfaketime 0.9.10 takes the faked hours off the moment, on the
monotonic clock, until which Python's `time.sleep` asks to sleep; a select is told seconds."""

import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds) and None
