"""What a page is told: size, homepage and recommendations put together by one pure function.

``decision.decide`` is the whole answer to a ``question``; ``selection`` chooses the recommendations, ``shelf`` filters
them, ``fit`` knows what comes in the visitor's size, and ``served`` is a published model made ready for all of them.
"""
