"""What visitors did, read back from log and archive: for training, reports, rebuilds and the visitors themselves."""
