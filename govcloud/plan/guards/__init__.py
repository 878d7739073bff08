"""Guards: what stands against carrying out a plan, and what lets it go on all the same.

``limits`` reads the policy of the accepted revision; ``blast`` says how much would go; ``freezes`` what may
not be touched now; ``signing`` which signatures count; ``judging`` puts it together as a verdict that
people read, and ``admit`` refuses or lets go on. Nothing here is asked of a proposal.
"""

from .judging import NO_LEAVE, Leave, Pass, Verdict, admit, judge
from .limits import Emergencies, Limits, check_proposed, emergencies, limits

__all__ = [
    "NO_LEAVE",
    "Emergencies",
    "Leave",
    "Limits",
    "Pass",
    "Verdict",
    "admit",
    "check_proposed",
    "emergencies",
    "judge",
    "limits",
]
