"""From a table of exposed visitors to a verdict that holds up, also when somebody looks every day."""
