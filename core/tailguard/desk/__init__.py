"""What people and training jobs ask for between the stages: clearance, overrides, shipping, reviews, anchor, meetings.

The rules sit here and not in pages: the approver is not the requester, nothing ships that has not passed, a frozen set
is not replaced. Every answer is a row in the run log with its actor.
"""
