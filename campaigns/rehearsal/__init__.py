"""Rehearsals: an anchor practises a drop before a synthetic crowd over real sockets, and gets a score.

`bookings` decides who may, `scenery` builds a hidden room with goods that cannot be bought and strikes it afterwards,
`performance` runs the crowd and listens, `scoring` judges (pure), `pages` shows it all in the studio.
"""
