"""Is a build due, and when is that looked at: reasons, failures in a row, schedules."""
