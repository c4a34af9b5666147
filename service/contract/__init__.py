"""The HTTP contract: the shapes of requests and answers, and the way from bytes to checked bodies."""
