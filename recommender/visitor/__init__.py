"""What is remembered of a visitor, what an event does to it, and how it is stored in a few hundred bytes."""
