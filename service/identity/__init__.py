"""Who asks, and what may be kept of them: visitors, customers, the server key, consent, crawlers."""
