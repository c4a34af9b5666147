"""What reports for a browser share: one style, and a document that loads nothing and runs nothing."""
