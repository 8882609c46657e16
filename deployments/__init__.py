"""When it runs: schedules, triggers and limits of the flows on a Prefect server."""
