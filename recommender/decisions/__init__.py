"""What a page is told: size, homepage and recommendations put together by one pure function.

``decision.decide`` is the whole answer to a ``question``; ``selection`` chooses the recommendations, ``shelf`` filters
them, ``fit`` knows what comes in the visitor's size, and ``served`` is a published model made ready for all of them.

``policy`` compiles the shop's experiments, ``assignment`` gives a visitor their ``treatment`` by them, which ``decide``
obeys; ``learning`` is the holdout and the random slice, ``attributes`` what experiments can be aimed by, and
``feature_checks`` tells what in a definition would mean nothing.
"""
