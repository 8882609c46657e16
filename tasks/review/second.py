"""Who is asked a second time: doubted labels go to a reviewer, and some accepted ones to somebody who sees none."""

from dataclasses import dataclass

from tasks.labels.again import Again
from tasks.review.blind import drawn_blind
from tasks.review.queue import review_queue
from tasks.review.settings import ReviewSettings
from tasks.store import views
from tasks.store.root import open_root
from tasks.unit import unit


@dataclass(frozen=True)
class Second:
    """Labels to look at again: `review` with what is doubted, the worst first; `blind` without the label."""

    review: list[Again]
    blind: list[Again]


@unit("choose second looks")
def second_looks(root: str, ontology: str, settings: ReviewSettings) -> Second:
    """Labels of an ontology that are worth a second look, by their open doubts and by chance."""
    opened = open_root(root)
    queue = review_queue(opened, ontology, settings.suspects)
    doubted = [Again(one.sample_id, one.suggestion or one.value, one.reason, one.score) for one in queue]
    sql = """SELECT sample_id FROM labels WHERE ontology = ? AND origin IN ('human', 'oracle')
        AND sample_id NOT IN (SELECT sample_id FROM standing WHERE status = 'blind' AND ontology = ?)
        ORDER BY sample_id"""
    rows = views.connect(opened).execute(sql, [ontology, ontology]).fetchall()
    drawn = drawn_blind([row[0] for row in rows], ontology, settings.blind_share)
    return Second(doubted, [Again(sample) for sample in drawn])
