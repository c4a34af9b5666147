"""The server process: its workers, its connections and its end."""
