"""Files that pages offer: reports, minutes, the calendar, the runbook and the monthly pack."""

from __future__ import annotations

from pages.shared import opened, reads
from pages.shared.cache import cached
from tailguard.domain.references import ReferenceKind
from tailguard.plays import attest
from tailguard.reports import minutes as meetings


@cached(12)
def report(run: str, reference_kind: ReferenceKind) -> bytes:
    """The comparison of a run with one reference in full, as a page to keep."""
    from tailguard.reports import gate

    return gate.report_page(opened.local(), run, reference_kind)


@cached(12)
def minutes(name: str, form: str) -> bytes:
    """The minutes of a meeting in one form."""
    return meetings.minutes(opened.local(), name, form=form)


def calendar() -> bytes:
    """What is due, as an iCalendar file."""
    return attest.calendar(reads.status().due, reads.status().team)


def runbook() -> str:
    """The runbook of the policy and the flows as their files say now, as Markdown."""
    return attest.runbook_text(opened.local())


@cached(8)
def monthly_pack(month: str, form: str) -> bytes:
    """The monthly pack as HTML or PDF."""
    from tailguard.reports import monthly

    return monthly.report(opened.local(), month, form=form)
