"""How lively the demo's rooms are, from counts of real ones (`content/rates.json` names the sources)."""

from demo.seeding import content
from rooms.crowd import Mood

LIKES = {"busy": 0.05, "small": 0.03}  # taps a second; the sources count none
CLAIMS = {"busy": 0.85, "small": 0.7}  # who taps for a deal that opens; the sources know none
STAYS_S = {"busy": 600, "small": 400}  # of those who do not leave at once


def mood(room: str) -> Mood:
    """The mood in a "busy" or a "small" room. Who talks at all stays long: a talker's lines are spread over the stay of every tenth visitor."""
    found = content("rates")
    alike = [entry for entry in found["rooms"] if entry["name"] == room]
    lines_each = sum(entry["lines"] for entry in alike) / sum(entry["talkers"] for entry in alike)
    return Mood(talk=lines_each / found["stay_s"]["p90"], like=LIKES[room], claims=CLAIMS[room], stays_s=STAYS_S[room])
