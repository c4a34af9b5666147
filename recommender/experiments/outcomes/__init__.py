"""From what visitors did to the table that an analysis reads: exposures, orders, margins, sizes and refunds."""
