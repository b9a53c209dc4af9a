"""What holds for every suite."""

from __future__ import annotations

import signal

# A shell starts what runs in its background with Ctrl-C ignored, nohup with a closing terminal, and every program under
# test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
