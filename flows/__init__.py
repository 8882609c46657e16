"""What runs after what: the flows, their settings, and the command line."""

import os

import tasks  # noqa: F401  (before Prefect is: it tells the libraries not to report home)

# Without a server of its own a run starts Prefect's; on a busy machine that takes longer than the 20 s it is given.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
