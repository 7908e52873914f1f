"""The studio: where an anchor and her moderators run a show.

Every door here finds the room and what this person may do in it (`desk.enter`), then calls one action of `rooms`.
A panel is one partial; the page, an action's answer and every other operator's screen draw the same one.
"""
