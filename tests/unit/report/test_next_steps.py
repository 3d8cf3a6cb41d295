"""What to do next: a second round is named where runs cannot tell, and there is one round."""

from least_study import study
from mixwright.report.next_steps import after_proposals
from mixwright.report.proposed import Proposed

GAIN = {"value": 0.02, "low": -0.02, "high": 0.06}
VERDICT = "not distinguishable from natural: predicted +0.020"


def steps(verdict=VERDICT, chosen="natural", **swarm):
    intervals = {"gain": GAIN, "verdict": verdict}
    proposal = Proposed("effective-data", {"cpp": 1.0}, intervals=intervals)
    asked = study(designs={"swarm": swarm})
    return after_proposals(asked, [proposal], chosen, swarm["runs"])


def test_a_second_round_of_as_many_runs_is_named():
    more, rounds = steps(runs=32)
    assert "set designs.swarm.runs and run the study again" in more
    assert "set designs.swarm to runs: 64 and rounds: 2" in rounds
    # what is said is true: the runs that are there are the first round
    grown = study(designs={"swarm": {"runs": 64, "rounds": 2}})
    assert grown.tables["swarm"] == study(designs={"swarm": {"runs": 32}}).runs["swarm"]


def test_a_study_in_rounds_and_one_that_can_tell_are_not_sent_there():
    (more,) = steps(runs=32, rounds=2)
    assert "rounds: 2" not in more
    assert steps(runs=32, chosen="effective-data") == ()
    assert steps(runs=32, verdict="better than natural by 0.020") == ()
