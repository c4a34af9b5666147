"""What Kabin learns and decides: pure functions of state, catalog, model and ``now``.

Nothing in this package talks HTTP or Redis, reads the environment or the wall clock, or imports
``service``. Everything it needs is an argument.
"""
