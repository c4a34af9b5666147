"""How a report looks: tables for a terminal, a page for a browser."""
