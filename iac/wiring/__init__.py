"""From settings to adapters: sessions, logins, state, sinks."""
