"""How Kabin talks: HTTP, Redis, identity, settings, the command line.

Imports run one way: cli → app → routes → use cases → stores, and always ``service`` → ``recommender``.
"""
