"""The realtime hub: one per process, one registry of sockets per room, two lanes, bounded queues.

State (pins, deals, ends) goes out at once; talk and ambience ride in ticks. A frame is built once and the same bytes go to
every local socket. Correctness never rests on a socket: whoever misses something asks for the panels touched since.
"""
